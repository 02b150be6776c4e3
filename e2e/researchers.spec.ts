// Two researchers who never met: two apps with profiles and keys of their own, one coordinator between them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expectAccessible } from './accessible';
import { openScreen, READY_TIMEOUT_MS, readJoinDetails, saveNextTo } from './actions';
import { expect, test, type ToreApp } from './fixtures';
import { agree, createKey, joinCoordinator, openDiscovery, openHandshake, publishRecord } from './trust-actions';

const run = promisify(execFile);
const tore = (...args: string[]): Promise<{ stderr: string }> =>
  run(process.execPath, [resolve(import.meta.dirname, '../out/main/tore.js'), ...args]);

/** Keeps pictures of a screen and finds nothing that keeps anybody out. */
async function look(app: ToreApp, name: string): Promise<void> {
  await expectAccessible(app.window, name);
  await app.screenshot(name);
}

test('two researchers find each other, test each other, and sign what anybody can verify', async ({
  launchServing,
}) => {
  test.setTimeout(300_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-e2e-agreement-'));
  const a = await launchServing();
  const { url, accessToken } = await readJoinDetails(a.window);
  const b = await launchServing();
  // Each at a coordinator of its own: one joins a session at the other's by a link and the token that one asks for.
  await openScreen(a.window, 'sessions');
  await a.window.getByTestId('session-begin').click();
  await a.window.getByTestId('session-title').fill('Spectra and words');
  await a.window.getByTestId('session-display-name').fill('Ada');
  await a.window.getByTestId('session-create').click();
  await expect(a.window.getByTestId('session-input')).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await a.window.getByTestId('session-invite').click();
  await a.window.getByTestId('invitation-make').click();
  const link = (await a.window.getByTestId('invitation-link').innerText()).trim();
  await a.window.keyboard.press('Escape');
  await openScreen(b.window, 'sessions');
  await b.window.getByTestId('session-begin-join').click();
  await b.window.getByTestId('session-link').fill(link);
  await b.window.getByTestId('session-join-name').fill('Ben');
  await b.window.getByTestId('session-join').click();
  await b.window.getByTestId('session-join-token').fill(accessToken);
  await b.window.getByTestId('session-join').click();
  await expect(b.window.getByTestId('session-input')).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await expect(a.window.getByTestId('session-person')).toHaveCount(2, { timeout: READY_TIMEOUT_MS });

  await joinCoordinator(b.window, url, accessToken);
  await openDiscovery(a.window, 'find');
  await look(a, 'discovery-empty');
  const keyOfA = await createKey(a.window, 'Spectra Lab', 'University of the North');
  const keyOfB = await createKey(b.window, 'Corpus Group', 'Institute of the South');
  expect(keyOfA).not.toBe(keyOfB);
  await look(a, 'discovery-you');
  await publishRecord(a.window, 'science', 'chemistry', 'org/chem-7b');
  await publishRecord(b.window, 'language', 'sour_dough', 'org/words-1b');
  await openDiscovery(a.window, 'find');
  await expect(a.window.getByTestId('record-card')).toHaveCount(2, { timeout: READY_TIMEOUT_MS });
  await expect(a.window.getByTestId('record-card').filter({ hasText: 'Corpus Group' })).toContainText(keyOfB);
  await look(a, 'discovery-find');

  await agree(a.window, b.window, 'Corpus Group');
  await look(b, 'discovery-agreement');
  await openHandshake(a.window);
  await look(a, 'discovery-handshake');
  await openDiscovery(a.window, 'policies');
  await look(a, 'discovery-policies');

  const file = join(folder, 'signed.tore2-agreement.json');
  await saveNextTo(a, file);
  await openDiscovery(a.window, 'agreements');
  await a.window.getByTestId('agreement-export').click();
  await expect.poll(() => readFile(file, 'utf8').catch(() => '')).toContain('"signatures"');
  const verified = await tore('verify', file);
  expect(verified.stderr).toContain(keyOfA);
  expect(verified.stderr).toContain(keyOfB);
  const altered = join(folder, 'altered.tore2-agreement.json');
  await writeFile(altered, (await readFile(file, 'utf8')).replace('fit together', 'are sold together'));
  await expect(tore('verify', altered)).rejects.toMatchObject({ code: 1 });

  await a.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(720, 560));
  for (const tab of ['find', 'handshakes', 'agreements', 'you'] as const) {
    await openDiscovery(a.window, tab);
    const overflow = await a.window.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow, `${tab} scrolls sideways at 720 px`).toBeLessThanOrEqual(0);
    await a.screenshot(`discovery-${tab}-narrow`, ['light']);
  }
  await rm(folder, { recursive: true, force: true });
});
