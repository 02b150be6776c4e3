import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startProxy, type CuttableProxy } from '../testing/cuttable-proxy';
import { federationFiles, federationOptions, terminationOf, type FederationFiles } from '../testing/federation-pair';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey } from '../testing/ws-node';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 60_000 };
const CUTS = 30;
/** Bytes some turns take over the link, about. */
const TURN_BYTES = 6_000;
const TOKEN = 'administrator-of-the-tests-of-session-cuts';
const KEYS = { ada: newTestKey(), ann: newTestKey(), ben: newTestKey() };

let files: FederationFiles;
let a: TestCoordinator;
let b: TestCoordinator;
let proxy: CuttableProxy;
let people: SessionClient[] = [];
let dropDatabase: (() => Promise<void>) | null = null;

afterEach(async () => {
  for (const one of people) one.drop();
  people = [];
  await a.coordinator.stop();
  await b.coordinator.stop();
  await proxy.close();
  await files.remove();
  await dropDatabase?.();
  dropDatabase = null;
});

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function start(optionsOfA: Parameters<typeof startTestCoordinator>[0] = {}): Promise<void> {
  const peopleKeys = { a: [KEYS.ada.publicKey, KEYS.ann.publicKey], b: [KEYS.ben.publicKey] };
  files = await federationFiles({}, undefined, peopleKeys);
  b = await startTestCoordinator({ administratorToken: TOKEN, ...federationOptions(files, 'b', null) });
  proxy = await startProxy(b.port);
  a = await startA(optionsOfA);
}

function startA(options: Parameters<typeof startTestCoordinator>[0] = {}): Promise<TestCoordinator> {
  return startTestCoordinator({
    administratorToken: TOKEN,
    modelFolders: [],
    ...federationOptions(files, 'a', proxy.url),
    ...options,
  });
}

async function person(url: string, name: 'ada' | 'ann' | 'ben'): Promise<SessionClient> {
  const client = await SessionClient.connect(url, name, KEYS[name]);
  people.push(client);
  return client;
}

async function joinOffered(client: SessionClient, sessionId: string): Promise<void> {
  await expect.poll(() => client.ask({ type: 'session-offers' }), WITHIN).toMatchObject([{ session_id: sessionId }]);
  await client.join(sessionId);
}

async function linkState(of: TestCoordinator): Promise<unknown> {
  const response = await fetch(`${of.url}/admin/federation`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const { peers } = (await response.json()) as { peers: Json[] };
  return ((peers[0]?.['link'] ?? {}) as Json)['state'];
}

async function setCut(isCut: boolean): Promise<void> {
  const path = `/admin/federation/peers/Coordinator%20A/${isCut ? 'cut' : 'resume'}`;
  await fetch(`${b.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } });
  const wanted = isCut ? ['down', 'greeting', 'cut'] : ['up'];
  await expect.poll(async () => wanted.includes(String(await linkState(a))), WITHIN).toBe(true);
}

describe('a session whose link is cut', () => {
  it('loses nothing, doubles nothing and orders everything alike on both sides, cut at random moments', async () => {
    await start();
    const ben = await person(b.url, 'ben');
    const sessionId = await ben.create({ agreement: files.agreement });
    const ada = await person(a.url, 'ada');
    const ann = await person(a.url, 'ann');
    for (const client of [ada, ann]) await joinOffered(client, sessionId);

    const random = numbers(20_260_301);
    const written = new Map<string, string[]>([ada, ann, ben].map(({ name }) => [name, []]));
    const write = async (client: SessionClient, count: number): Promise<Json[]> => {
      const replies: Json[] = [];
      for (let index = 0; index < count; index += 1) {
        const mine = written.get(client.name) ?? [];
        const turn = client.turn(sessionId, `${client.name} ${mine.length}`);
        mine.push(String(turn['id']));
        replies.push(await client.ask({ type: 'session-post', session_id: sessionId, turn }));
        // The same again, as a client does whose answer was lost.
        if (random() < 0.2) replies.push(await client.ask({ type: 'session-post', session_id: sessionId, turn }));
      }
      return replies;
    };
    const replies: Json[] = [];
    while (proxy.cuts < CUTS) {
      const before = proxy.cuts;
      proxy.cutAfter(Math.floor(random() * TURN_BYTES));
      const counts = [ada, ann, ben].map((client) => write(client, 1 + Math.floor(random() * 4)));
      replies.push(...(await Promise.all(counts)).flat());
      if (proxy.cuts === before) proxy.cut();
      if (random() < 0.5) await expect.poll(() => linkState(a), WITHIN).toBe('up');
    }
    expect(replies.some(({ queued }) => queued === true)).toBe(true);
    expect(replies.some(({ seq }) => typeof seq === 'number')).toBe(true);

    const total = [...written.values()].flat().length;
    await expect.poll(async () => (await ada.read(sessionId)).length, WITHIN).toBe(total);
    const [atA, atB] = [await ada.read(sessionId), await ben.read(sessionId)];
    expect(atA).toEqual(atB);
    expect(atB.map(({ seq }) => seq)).toEqual(atB.map((_turn, index) => index + 1));
    expect(new Set(atB.map(({ id }) => id)).size).toBe(total);
    // Everybody's own turns stand in the order they were written.
    for (const [name, ids] of written) {
      expect(atB.filter(({ text }) => text.startsWith(`${name} `)).map(({ id }) => id)).toEqual(ids);
    }
  }, 120_000);

  it('keeps what is written at the other side over a restart, lets it read on, and sends it when the link is back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tore-session-cuts-'));
    dropDatabase = () => rm(folder, { recursive: true, force: true });
    const database = { databaseFile: join(folder, 'a.sqlite') };
    await start(database);
    const ben = await person(b.url, 'ben');
    const sessionId = await ben.create({ agreement: files.agreement });
    const ada = await person(a.url, 'ada');
    await joinOffered(ada, sessionId);
    expect(await ada.post(sessionId, ada.turn(sessionId, 'before'))).toBe(1);
    await setCut(true);
    expect(await ben.post(sessionId, ben.turn(sessionId, 'meanwhile at the host'))).toBe(2);
    const turn = ada.turn(sessionId, 'meanwhile at the other side');
    const post = { type: 'session-post', session_id: sessionId, turn };
    expect(await ada.ask(post)).toEqual({ queued: true });
    await a.coordinator.stop();
    a = await startA(database);
    const again = await person(a.url, 'ada');
    const entered = await again.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
    expect((entered['turns'] as Json[]).map(({ seq }) => seq)).toEqual([1]);
    expect(await again.ask(post)).toEqual({ queued: true });
    await setCut(false);
    const expected = ['before', 'meanwhile at the host', 'meanwhile at the other side'];
    const texts = async (client: SessionClient): Promise<string[]> =>
      (await client.read(sessionId)).map(({ text }) => text);
    await expect.poll(() => texts(again), WITHIN).toEqual(expected);
    expect(await texts(ben)).toEqual(expected);
    expect(await again.ask(post)).toEqual({ seq: 3 });
  }, 60_000);

  it('gives waiting turns back with the reason when a party ends the agreement, and takes no more', async () => {
    await start();
    const ben = await person(b.url, 'ben');
    const sessionId = await ben.create({ agreement: files.agreement });
    const ada = await person(a.url, 'ada');
    const ann = await person(a.url, 'ann');
    for (const client of [ada, ann]) await joinOffered(client, sessionId);
    await setCut(true);
    const [byAda, byAnn] = [ada.turn(sessionId, 'waits'), ann.turn(sessionId, 'waits too')];
    for (const [client, turn] of [[ada, byAda] as const, [ann, byAnn] as const]) {
      expect(await client.ask({ type: 'session-post', session_id: sessionId, turn })).toEqual({ queued: true });
    }
    ann.drop();
    const notice = terminationOf(files.agreement, '2026-03-01T00:00:00.000Z');
    await fetch(`${a.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    const returned = await ada.socket.next('session-returned');
    expect(returned).toMatchObject({ turn_id: byAda['id'], code: 'agreement-invalid' });
    expect(returned['message']).toContain('terminated');
    // Who was away hears it when the turn is sent again.
    const annAgain = await person(a.url, 'ann');
    const refused = await annAgain.call({ type: 'session-post', session_id: sessionId, turn: byAnn });
    expect(refused).toMatchObject({ ok: false, error: { code: 'agreement-invalid', retryable: false } });
    expect(String((refused['error'] as Json)['message'])).toContain('terminated');
    // At the host one goes on.
    expect(await ben.post(sessionId, ben.turn(sessionId, 'still here'))).toBe(1);
    await setCutAtHostIsOver();
    expect((await ben.read(sessionId)).map(({ text }) => text)).toEqual(['still here']);
  }, 60_000);
});

/** The administrator of the host lets the link be again; the ended agreement lets none stand. */
async function setCutAtHostIsOver(): Promise<void> {
  await fetch(`${b.url}/admin/federation/peers/Coordinator%20A/resume`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  await expect.poll(() => linkState(a), WITHIN).toBe('barred');
}
