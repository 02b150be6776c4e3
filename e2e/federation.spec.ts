// Two institutions with a coordinator each, from the handshake in two windows to books that agree.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { findPostgres, startPostgres, type PostgresServer } from '../src/coordinator/testing/postgres-server';
import type { PeerView } from '../src/protocol/federation/administration';
import { ask, completeWelcome, goldenCase, openScreen, READY_TIMEOUT_MS } from './actions';
import { ConfiguredCoordinator } from './configured-coordinator';
import { expect, test, type ToreApp } from './fixtures';
import { startHeadlessNode, type HeadlessNode } from './headless-node';
import { agree, createKey, joinCoordinator, nameCoordinator, openDiscovery, publishRecord } from './trust-actions';

const run = promisify(execFile);
const WITHIN = { timeout: READY_TIMEOUT_MS };
const programs = resolve(import.meta.dirname, '../out/main');
const MODEL_FOLDER = resolve(import.meta.dirname, '../resources/models/tore-tiny');
const QUESTION = 'What is a shard?';

type Json = Record<string, unknown>;

/** Runs one of the headless programs and returns what it printed. */
async function program(name: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(programs, `${name}.js`), ...args]);
  return stdout;
}

async function newCoordinatorKey(file: string): Promise<string> {
  return (JSON.parse(await program('tore', ['keygen', '--json', '--out', file])) as { public_key: string }).public_key;
}

/** Answers the next dialog for a file with a path. */
async function saveNextTo(app: ToreApp, path: string): Promise<void> {
  await app.electron.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, path);
}

async function exportAgreement(app: ToreApp, file: string): Promise<void> {
  await saveNextTo(app, file);
  await openDiscovery(app.window, 'agreements');
  await app.window.getByTestId('agreement-export').click();
  await expect.poll(() => readFile(file, 'utf8').catch(() => ''), WITHIN).toContain('"signatures"');
}

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
  const path = `/admin/federation/peers/${encodeURIComponent(peer)}/reconcile`;
  const { statements } = await coordinator.admin('POST', path);
  const [compared] = statements as Json[];
  expect(compared).toMatchObject({ state: 'equal', differences: [] });
  return ((compared as Json)['statement'] as { entries: Json[] }).entries;
}

/** A person who asks, and whose computer does not work: the machines of the institutions do. */
async function signIn({ window }: ToreApp, url: string): Promise<void> {
  await completeWelcome(window);
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
  launchTore,
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
    const [ada, ben] = [await launchTore(), await launchTore()];
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
    const node = (at: ConfiguredCoordinator, name: string, layers: string): void => {
      nodes.push(startHeadlessNode(at, join(folder, name), [`--layers=${layers}`]));
    };
    node(b, 'b-1', '0-3');
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

    const [byA, byB] = [await comparedBy(a, 'University B'), await comparedBy(b, 'University A')];
    expect(byA).toEqual(byB);
    expect(byA.length).toBeGreaterThan(0);
  } finally {
    for (const each of nodes) await each.kill();
    await a.stop();
    await b.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
