// Two institutions with a coordinator each, from the handshake in two windows to books that agree.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { ownNetworkProblem } from '../scripts/own-network.mjs';
import { findPostgres, startPostgres, type PostgresServer } from '../src/coordinator/testing/postgres-server';
import type { PeerView } from '../src/protocol/federation/administration';
import { ask, chooseOption, goldenCase, openScreen, READY_TIMEOUT_MS } from './actions';
import { ConfiguredCoordinator } from './configured-coordinator';
import { expect, test, type ToreApp } from './fixtures';
import { startHeadlessNode, type HeadlessNode } from './headless-node';
import { exportAgreement, exportSession, joinOffered, openUnderAgreement, post } from './session-actions';
import { agree, createKey, joinCoordinator, nameCoordinator, publishRecord } from './trust-actions';

const run = promisify(execFile);
const WITHIN = { timeout: READY_TIMEOUT_MS };
const programs = resolve(import.meta.dirname, '../out/main');
const MODEL_FOLDER = resolve(import.meta.dirname, '../resources/models/tore-tiny');
const QUESTION = 'What is a shard?';
const TITLE = 'Between two universities';

type Json = Record<string, unknown>;

/** Runs one of the headless programs and returns what it printed. */
async function program(name: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(programs, `${name}.js`), ...args]);
  return stdout;
}

async function newCoordinatorKey(file: string): Promise<string> {
  return (JSON.parse(await program('tore', ['keygen', '--json', '--out', file])) as { public_key: string }).public_key;
}

/** Verifies a file, where root can have one in a network that reaches nobody. */
async function verifiedOffline(file: string): Promise<Json> {
  const command = [process.execPath, join(programs, 'tore.js'), 'verify', file, '--json'];
  const apart = process.getuid?.() === 0 && ownNetworkProblem() === null ? ['unshare', '--net', ...command] : command;
  const [executable = '', ...args] = apart;
  return JSON.parse((await run(executable, args)).stdout) as Json;
}

const peerPath = (peer: string): string => `/admin/federation/peers/${encodeURIComponent(peer)}`;

/** The one peer of a coordinator, as its administrator sees it. */
async function peerOf(coordinator: ConfiguredCoordinator): Promise<PeerView> {
  const { peers } = (await coordinator.admin('GET', '/admin/federation')) as { peers: PeerView[] };
  const [peer] = peers;
  if (peer === undefined) throw new Error('the coordinator has no peer');
  return peer;
}

async function untilLinked(coordinator: ConfiguredCoordinator): Promise<void> {
  await expect.poll(async () => (await peerOf(coordinator)).link.state, WITHIN).toBe('up');
}

/** Compares the running day with the peer; both sides must have the same entries. */
async function comparedBy(coordinator: ConfiguredCoordinator, peer: string): Promise<Json[]> {
  const { statements } = await coordinator.admin('POST', `${peerPath(peer)}/reconcile`);
  const [compared] = statements as Json[];
  expect(compared).toMatchObject({ state: 'equal', differences: [] });
  return ((compared as Json)['statement'] as { entries: Json[] }).entries;
}

/** Both sides find the same entries, and some; they are returned. */
async function expectSameBooks(a: ConfiguredCoordinator, b: ConfiguredCoordinator): Promise<Json[]> {
  const [byA, byB] = [await comparedBy(a, 'University B'), await comparedBy(b, 'University A')];
  expect(byA).toEqual(byB);
  expect(byA.length).toBeGreaterThan(0);
  return byA;
}

/** A person who asks, and whose computer does not work: the machines of the institutions do. */
async function signIn({ window }: ToreApp, url: string): Promise<void> {
  await window.keyboard.press('Control+k');
  await window.keyboard.type('pause 15');
  await window.keyboard.press('Enter');
  await expect(window.getByTestId('status-state')).toContainText('Snoozed');
  await joinCoordinator(window, url);
}

async function expectAnswerFrom(window: Page, text: string): Promise<void> {
  await expect(window.getByTestId('answer-facts').last()).toBeVisible(WITHIN);
  await expect(window.getByTestId('answer-served-by').last()).toContainText(text, WITHIN);
}

test('two universities sign in their windows, answer for each other, and both have the same books', async ({
  launchServing,
}) => {
  test.setTimeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-universities-'));
  // Without PostgreSQL on the machine A keeps its books in SQLite as well.
  const postgres: PostgresServer | null = findPostgres() === null ? null : await startPostgres();
  const nodes: HeadlessNode[] = [];
  const a = await ConfiguredCoordinator.create(folder, 'a', {
    name: 'University A',
    accessPolicy: 'keyed',
    openingGrantMicroGft: 5_000_000,
    ...(postgres === null ? { databaseFile: join(folder, 'a.sqlite') } : { databaseUrl: postgres.url }),
  });
  const b = await ConfiguredCoordinator.create(folder, 'b', {
    name: 'University B',
    accessPolicy: 'keyed',
    tokenEconomy: false,
    databaseFile: join(folder, 'b.sqlite'),
    modelFolders: [MODEL_FOLDER],
  });
  try {
    const keys = {
      a: await newCoordinatorKey(join(folder, 'a.pem')),
      b: await newCoordinatorKey(join(folder, 'b.pem')),
    };
    await a.start();
    await b.start();

    // Ada of A and Ben of B meet at A, and sign that B serves A, with the keys of both coordinators.
    const [ada, ben] = [await launchServing(), await launchServing()];
    await signIn(ada, a.url);
    await signIn(ben, a.url);
    await createKey(ada.window, 'Ada', 'University A');
    await createKey(ben.window, 'Ben', 'University B');
    await nameCoordinator(ada.window, keys.a);
    await nameCoordinator(ben.window, keys.b);
    await ada.screenshot('discovery-key-with-coordinator');
    await publishRecord(ada.window, 'science', 'chemistry', 'org/chem-7b');
    await publishRecord(ben.window, 'language', 'summarizing', 'tore-tiny');
    await agree(ada.window, ben.window, 'Ben', {
      cost: { unit: 'node-hours', rate: 2 },
      otherServes: { models: 'tore-tiny' },
      pictured: () => ada.screenshot('discovery-terms-federation'),
    });
    await expect(ben.window.getByTestId('agreement')).toContainText('The coordinator of Ben serves whole requests');
    await ben.screenshot('discovery-agreement-federation');
    const agreementFile = join(folder, 'ab.tore2-agreement.json');
    await exportAgreement(ada, agreementFile);
    await program('tore', ['verify', agreementFile]);

    // Both operators configure the link, and each has two machines.
    await a.stop();
    await b.stop();
    const peer = (name: string, publicKey: string, url?: string): Json => ({ name, publicKey, agreementFile, url });
    await b.start({ federation: { keyFile: join(folder, 'b.pem'), peers: [peer('University A', keys.a)] } });
    await a.start({ federation: { keyFile: join(folder, 'a.pem'), peers: [peer('University B', keys.b, b.url)] } });
    await untilLinked(a);
    const node = (at: ConfiguredCoordinator, name: string, layers: string): HeadlessNode => {
      const started = startHeadlessNode(at, join(folder, name), [`--layers=${layers}`]);
      nodes.push(started);
      return started;
    };
    const firstOfB = node(b, 'b-1', '0-3');
    node(b, 'b-2', '4-7');
    node(a, 'a-1', '0-1');
    node(a, 'a-2', '2-3');
    await expect.poll(async () => (await peerOf(a)).models[0]?.available, WITHIN).toBe(true);

    // A user of A is answered by B's machines, and sees by whom.
    const golden = await goldenCase(QUESTION);
    await openScreen(ada.window, 'chat');
    await ask(ada.window, QUESTION);
    await expectAnswerFrom(ada.window, 'University B');
    await expect(ada.window.getByTestId('answer-text').last()).toContainText(golden.greedy_text.slice(0, 10));
    await ada.screenshot('chat-answered-by-peer');

    await expectSameBooks(a, b);

    // B loses its first layers: now neither has all of them, and one pipeline goes through the machines of both.
    await firstOfB.kill();
    await expect
      .poll(async () => (await a.admin('GET', '/inference/pipeline/tore-tiny'))['reason'], WITHIN)
      .toContain('University B has the layers');
    await ask(ada.window, QUESTION);
    await expect(ada.window.getByTestId('answer-facts')).toHaveCount(2, WITHIN);
    await expect(ada.window.getByTestId('answer-served-by').last()).toContainText('with layers of University B');
    await expect(ada.window.getByTestId('answer-text').last()).toContainText(golden.greedy_text.slice(0, 10));
    await ada.screenshot('chat-answered-with-layers-of-peer');
    const entries = await expectSameBooks(a, b);
    expect(entries.filter(({ layers }) => layers !== undefined)).toMatchObject([
      { layers: { layer_start: 4, layer_end: 7 } },
    ]);

    // A session at A: Ben comes in through his own coordinator, which answers for him.
    await joinCoordinator(ben.window, b.url);
    await openUnderAgreement(ada.window, TITLE, 'Ada');
    await joinOffered(ben.window, TITLE, 'Ben');
    await post(ada.window, QUESTION);
    await chooseOption(ada.window, 'own-model-select', /network/i);
    await ada.window.getByTestId('own-model-ask').click();
    for (const { window } of [ada, ben]) {
      await expect(window.getByTestId('session-turn')).toHaveCount(2, WITHIN);
      await expect(window.getByTestId('turn-cost')).toContainText('node-hours', WITHIN);
    }
    await post(ben.window, 'Then we cut the model in two.');
    await expect(ada.window.getByTestId('session-turn')).toHaveCount(3, WITHIN);
    await ben.screenshot('session-across-a-link');

    // Without the link both go on; what Ben writes waits at home and gets its place when the link is back.
    await a.admin('POST', `${peerPath('University B')}/cut`);
    await expect.poll(async () => (await peerOf(b)).link.state, WITHIN).not.toBe('up');
    await post(ben.window, 'Written without the link.');
    await expect(ben.window.getByTestId('session-waiting')).toHaveCount(1, WITHIN);
    await ben.screenshot('session-host-away');
    await post(ada.window, 'Are you there?');
    await expect(ada.window.getByTestId('session-turn')).toHaveCount(4, WITHIN);
    await a.admin('POST', `${peerPath('University B')}/resume`);
    await untilLinked(a);
    for (const { window } of [ada, ben]) {
      await expect(window.getByTestId('session-turn')).toHaveCount(5, WITHIN);
      await expect(window.getByTestId('session-turn').last()).toContainText('Written without the link.');
      await expect(window.getByTestId('session-waiting')).toHaveCount(0);
    }

    // Both export the same, and a project of it verifies anywhere.
    const files = [join(folder, 'ada.tore3.json'), join(folder, 'ben.tore3.json')] as const;
    await exportSession(ada, files[0]);
    await exportSession(ben, files[1]);
    const orders = await Promise.all(
      files.map(async (file) => {
        expect(await verifiedOffline(file)).toMatchObject({ verified: true, signatures: 5, unsigned: 0 });
        const { turns } = JSON.parse(await readFile(file, 'utf8')) as { turns: { id: string; seq: number }[] };
        return turns.map(({ id, seq }) => [seq, id]);
      }),
    );
    expect(orders[0]).toEqual(orders[1]);
    expect(orders[0]?.map(([seq]) => seq)).toEqual([1, 2, 3, 4, 5]);
    const project = join(folder, 'both.tore4.json');
    await program('tore', ['merge', files[1], '--name', TITLE, '--out', project]);
    expect(await verifiedOffline(project)).toMatchObject({ verified: true, signatures: 5 });

    await expectSameBooks(a, b);
  } finally {
    for (const each of nodes) await each.kill();
    await a.stop();
    await b.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
