// A working day in a private institution without tokens, from the first start to the next morning, with the idle hours left
// out: what its people, machines and administrator do, and that nothing of it tries to leave the network.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { fullChatGpt } from '../src/library/import/testdata/exports';
import { ask, goldenCase, openScreen, READY_TIMEOUT_MS, serveLayers } from './actions';
import { ConfiguredCoordinator } from './configured-coordinator';
import { dropFiles } from './drop';
import { expect, test } from './fixtures';
import { startHeadlessNode, type HeadlessNode } from './headless-node';
import { traceOutgoing } from './outgoing';

const run = promisify(execFile);
const WITHIN = { timeout: READY_TIMEOUT_MS };
const programs = resolve(import.meta.dirname, '../out/main');
const MODEL_FOLDER = resolve(import.meta.dirname, '../resources/models/tore-tiny');
const QUESTION = 'What is a shard?';

async function invitation(coordinator: ConfiguredCoordinator): Promise<string> {
  const made = await coordinator.admin('POST', '/admin/invitations', { max_uses: 20, roles: ['node', 'user'] });
  return String(made['code']);
}

/** Welcome, as a member goes through it who was given an address and a code. */
async function comeIn(window: Page, url: string, code: string): Promise<void> {
  const accept = window.getByTestId('welcome-accept');
  await expect(window.getByTestId('welcome-next').or(accept).first()).toBeVisible(WITHIN);
  while (!(await accept.isVisible())) await window.getByTestId('welcome-next').click();
  await window.getByTestId('welcome-coordinator-url').fill(url);
  await window.getByTestId('welcome-invitation').fill(code);
  await accept.click();
  await expect(window.getByTestId('welcome-open-dashboard')).toBeEnabled(WITHIN);
  await window.getByTestId('welcome-open-dashboard').click();
  await expect(window.getByTestId('status-state')).toContainText('Serving', WITHIN);
}

async function untilAllLayersAreServed(coordinator: ConfiguredCoordinator): Promise<void> {
  const pipeline = (): Promise<Record<string, unknown>> => coordinator.admin('GET', '/inference/pipeline/tore-tiny');
  await expect.poll(async () => (await pipeline())['available'], WITHIN).toBe(true);
}

async function askedInChat(window: Page): Promise<void> {
  const { greedy_text: text } = await goldenCase(QUESTION);
  await openScreen(window, 'chat');
  await ask(window, QUESTION);
  await expect(window.getByTestId('answer-facts').last()).toBeVisible(WITHIN);
  await expect(window.getByTestId('answer-text').last()).toContainText(text.slice(0, 20));
}

test('a working day in a private institution leaves nothing outside its network', async ({ launchTore }) => {
  test.setTimeout(480_000);
  const trace = await traceOutgoing();
  const folder = await mkdtemp(join(tmpdir(), 'tore-working-day-'));
  const nodes: HeadlessNode[] = [];
  const coordinator = await ConfiguredCoordinator.create(folder, 'institution', {
    name: 'Department of Chemistry',
    accessPolicy: 'institution',
    tokenEconomy: false,
    databaseFile: join(folder, 'institution.sqlite'),
    modelFolders: [MODEL_FOLDER],
    acceptedModels: [],
  });
  try {
    // In the morning the administrator starts the coordinator; a machine of the laboratory and a researcher's computer come in.
    await coordinator.start();
    const code = await invitation(coordinator);
    const env = { ...process.env, TORE_INVITATION: code, TORE_COORDINATOR: coordinator.url };
    nodes.push(startHeadlessNode(coordinator, join(folder, 'lab'), ['--layers=4-7', `--invitation=${code}`]));
    const morning = await launchTore();
    const { window } = morning;
    await comeIn(window, coordinator.url, code);
    await serveLayers(window, 0, 3);
    await untilAllLayersAreServed(coordinator);
    await askedInChat(window);

    // A meeting: the researcher opens a session, a colleague joins from a script, and a model answers.
    await openScreen(window, 'sessions');
    await window.getByTestId('session-begin').click();
    await window.getByTestId('session-title').fill('Reading group');
    await window.getByTestId('session-display-name').fill('Ada');
    await window.getByTestId('session-create').click();
    await expect(window.getByTestId('session-input')).toBeVisible(WITHIN);
    await window.getByTestId('session-invite').click();
    await window.getByTestId('invitation-make').click();
    const link = (await window.getByTestId('invitation-link').innerText()).trim();
    await window.keyboard.press('Escape');
    const session = /session\/([0-9a-f-]{36})/.exec(link)?.[1] ?? '';
    const colleague = async (...args: string[]): Promise<string> => {
      const ofBen = ['--data-folder', join(folder, 'ben'), '--name', 'Ben'];
      const { stdout } = await run(process.execPath, [join(programs, 'tore-session.js'), ...ofBen, ...args], { env });
      return stdout;
    };
    await colleague('join', link);
    await colleague('say', session, QUESTION);
    await expect(window.getByTestId('session-turn')).toHaveCount(1, WITHIN);
    await window.getByTestId('own-model-select').click();
    await window.getByRole('option', { name: /network/i }).click();
    await window.getByTestId('own-model-ask').click();
    await expect(window.getByTestId('session-turn')).toHaveCount(2, WITHIN);

    // At noon the computer rests. Afterwards a conversation from another product is taken into the library.
    await window.keyboard.press('Control+k');
    await window.keyboard.type('pause 15');
    await window.keyboard.press('Enter');
    await expect(window.getByTestId('status-state')).toContainText('Snoozed');
    const old = join(folder, 'conversations.json');
    await writeFile(old, JSON.stringify([fullChatGpt()]));
    await dropFiles(morning, [old]);
    await window.getByTestId('import-dismiss').click(WITHIN);
    await openScreen(window, 'library');
    await window.getByRole('button', { name: 'Resume', exact: true }).click();
    await expect(window.getByTestId('status-state')).toContainText('Serving', WITHIN);

    // The administrator saves the books and starts the coordinator anew; everybody comes back without doing anything.
    const backup = ['backup', join(folder, 'backup.gz'), '--config', coordinator.file];
    await run(process.execPath, [join(programs, 'tore-coordinator.js'), ...backup]);
    await coordinator.stop();
    await expect(window.getByTestId('status-state')).not.toContainText('Serving', WITHIN);
    await coordinator.start();
    await expect(window.getByTestId('status-state')).toContainText('Serving', WITHIN);
    await untilAllLayersAreServed(coordinator);
    await askedInChat(window);

    // In the evening the minutes are saved and checked, and the computer is switched off.
    const minutes = join(folder, 'reading-group.tore3.json');
    await colleague('export', session, minutes);
    await run(process.execPath, [join(programs, 'tore.js'), 'verify', minutes]);
    expect(await readFile(minutes, 'utf8')).not.toContain('inference_cost');
    await morning.close();

    // The next morning it starts into its work.
    const next = await launchTore({ profile: morning.profile });
    await expect(next.window.getByTestId('status-state')).toContainText('Serving', WITHIN);
    for (const screen of ['dashboard', 'statistics', 'discovery', 'ledger', 'library', 'settings'] as const) {
      await openScreen(next.window, screen);
    }
    await next.screenshot('working-day-next-morning');
  } finally {
    for (const each of nodes) await each.kill();
    await coordinator.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const outgoing = await trace.end();
  if (process.env['TORE_OWN_NETWORK'] !== undefined) expect(outgoing).toEqual({ addresses: [], packets: 0 });
});
