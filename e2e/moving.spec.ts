// A coordinator asks this computer to hold other layers, and its person answers.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';
import { HEADLESS_TOKEN, startCoordinator } from './headless-coordinator';
import { startHeadlessNode } from './headless-node';
import { completeWelcomeAt } from './trust-actions';

test('the person is asked before other layers are held, and can agree', async ({ launchMeasured }) => {
  test.setTimeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-moving-'));
  const coordinator = await startCoordinator(folder, undefined, { TORE_MOVE_EVERY_SECONDS: '1' });
  const details = { url: coordinator.url, accessToken: HEADLESS_TOKEN, command: '' };
  const first = startHeadlessNode(details, join(folder, 'first'), ['--layers=0-3']);
  const others = [first];
  const served = async (layers: string): Promise<void> => {
    await expect
      .poll(() => others.map((node) => node.output.join('')).join(''), { timeout: READY_TIMEOUT_MS })
      .toContain(layers);
  };
  try {
    await served('"serving"');
    const { window, screenshot } = await launchMeasured();
    await completeWelcomeAt(window, coordinator.url, HEADLESS_TOKEN);
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-models').click();
    await expect(window.getByTestId('move-consent')).toHaveValue('Ask me');
    await expect(window.getByTestId('move-question')).toHaveCount(0);
    const region = window.getByRole('region', { name: 'Status' });
    await expect(region).toContainText(/Layers 4-7/, { timeout: READY_TIMEOUT_MS });

    const second = startHeadlessNode(details, join(folder, 'second'), ['--layers=4-7']);
    others.splice(0, 1, second);
    await served('"serving"');
    await first.kill();
    const question = window.getByTestId('move-question');
    await expect(question).toContainText('serve layers 0-3 instead of 4-7', { timeout: READY_TIMEOUT_MS });
    await screenshot('contribute-move-question');
    await expectAccessible(window, 'Contribute with a question');
    await window.getByTestId('move-accept').click();
    await expect(region).toContainText(/Layers 0-3/, { timeout: READY_TIMEOUT_MS });
    await expect(question).toHaveCount(0);
  } finally {
    await Promise.all([first, ...others].map((node) => node.kill()));
    coordinator.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
