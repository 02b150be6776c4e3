// Another computer without a window: paired by the code its terminal shows, seen, paused, found again, resumed, removed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { openScreen, READY_TIMEOUT_MS, readJoinDetails } from './actions';
import { expect, test } from './fixtures';
import { startHeadlessNode } from './headless-node';

test('a headless node is paired, steered, found again after a restart and removed from the window', async ({
  launchTore,
  launchServing,
}) => {
  test.setTimeout(240_000);
  const first = await launchServing();
  const { window } = first;
  const dataFolder = await mkdtemp(join(tmpdir(), 'tore-rack-'));
  const node = startHeadlessNode(await readJoinDetails(window), dataFolder, ['--remote-control=127.0.0.1:0']);
  try {
    const said = (): string => node.output.join('');
    await expect.poll(said, { timeout: READY_TIMEOUT_MS }).toMatch(/Pairing code/);
    await expect.poll(said, { timeout: READY_TIMEOUT_MS }).toMatch(/Remote control listens/);
    const code = /Pairing code: (\S+)/.exec(said())?.[1] ?? '';
    const address = /Remote control listens on (\S+?)\./.exec(said().replace('127.0.0.1', 'localhost'))?.[1] ?? '';
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-computers').click();
    await window.getByTestId('host-address').fill(address.replace('localhost', '127.0.0.1'));
    await window.getByTestId('host-code').fill('AAAA-AAAA-AAAA');
    await window.getByTestId('host-pair').click();
    await expect(window.getByText(/did not take this code/)).toBeVisible();
    await window.getByTestId('host-code').fill(code);
    await window.getByTestId('host-pair').click();
    const state = window.getByTestId('host-state');
    await expect(state).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    await expectAccessible(window, 'a paired computer');
    await first.screenshot('computers');
    await window.getByTestId('host-pause').click();
    await window.getByTestId('host-pause-untilResumed').click();
    await expect(state).toContainText('Paused', { timeout: READY_TIMEOUT_MS });
    await expect.poll(said).toContain('"kind":"paused"');
    await first.close();
    const { window: later } = await launchTore({ profile: first.profile });
    await openScreen(later, 'contribute');
    await later.getByTestId('contribute-tab-computers').click();
    const stateLater = later.getByTestId('host-state');
    await expect(stateLater).toContainText('Paused', { timeout: READY_TIMEOUT_MS });
    await later
      .getByRole('button', { name: /^Resume/ })
      .last()
      .click();
    await expect(stateLater).not.toContainText('Paused', { timeout: READY_TIMEOUT_MS });
    await later.getByTestId('host-pause').click();
    await later.getByTestId('host-pause-minutes15').click();
    await expect(stateLater).toContainText('Snoozed', { timeout: READY_TIMEOUT_MS });
    await later.getByRole('button', { name: /^Log of/ }).click();
    await expect(later.getByText(/An app was paired/)).toBeVisible();
    await later.keyboard.press('Escape');
    await later.getByRole('button', { name: /^Remove/ }).click();
    await later.getByTestId('host-remove-confirm').click();
    await expect(later.getByTestId('host')).toHaveCount(0);
  } finally {
    await node.kill();
    await rm(dataFolder, { recursive: true, force: true });
  }
});
