import { appendFile, mkdir, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../../coordinator/testing/start-coordinator';
import { failure } from '../../protocol/result';
import type { SessionEvent } from '../../protocol/wire/messages';
import { systemClock, type Clock } from '../clock';
import { fileSecretStore } from '../identity/secret-store';
import { openIdentity } from '../identity/node-identity';
import { silentLogger } from '../logger';
import { ParticipantConnection } from './participant-connection';
import { SessionClient, type TurnDraft } from './session-client';

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 30_000 };
const hourFromNow = (): string => new Date(Date.now() + 3_600_000).toISOString();

/** A session no coordinator here knows. */
const ELSEWHERE = '019cb1a0-3c00-7000-8000-000000000002';

let folder = '';
let host: TestCoordinator;
const clients: SessionClient[] = [];

/** Retries soon, so that tests need not wait for the pauses of real life. */
const impatient: Clock = { ...systemClock, schedule: (ms, action) => systemClock.schedule(Math.min(ms, 200), action) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-client-'));
  host = await startTestCoordinator({ databaseFile: join(folder, 'host.sqlite') });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await host.coordinator.stop();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** @param damaged - sessions whose copies cannot be read */
async function open(name: string, clock: Clock = systemClock, damaged: readonly string[] = []): Promise<SessionClient> {
  const identity = await openIdentity(fileSecretStore(join(folder, `${name}.key`)));
  if (!identity.ok) throw new Error(identity.error.message);
  const client = new SessionClient({
    folder: join(folder, name),
    identity: identity.value,
    accessTokenFor: () => null,
    clock,
    logger: silentLogger,
    onListChanged: () => undefined,
    onOffered: () => undefined,
    onChange: () => undefined,
  });
  clients.push(client);
  const places = damaged.map((id) => join(folder, name, id));
  expect([...(await client.open())].sort()).toEqual(places.sort());
  client.setHome({ url: host.url, accessToken: null });
  return client;
}

const profile = (name: string) => ({ display_name: name, platform: 'test', model: null });
const say = (text: string): TurnDraft => ({ author: 'human', content: [{ type: 'text', text }] });

async function textsOf(client: SessionClient, sessionId: string): Promise<string[]> {
  const turns = client.session(sessionId)?.turns ?? [];
  return turns.map(({ content: [part] }) => (part !== undefined && 'text' in part ? String(part.text) : ''));
}

async function pairOf(clock?: Clock): Promise<{ ada: SessionClient; ben: SessionClient; sessionId: string }> {
  const [ada, ben] = [await open('ada', clock), await open('ben', clock)];
  const made = await ada.create({ title: 'Assay', mode: 'live', agreement: null }, profile('Ada'));
  if (!made.ok) throw new Error(made.error.message);
  const sessionId = made.value.id;
  const invited = await ada.invite(sessionId, { role: 'member', uses: 1, expiresAt: hourFromNow() });
  if (!invited.ok) throw new Error(invited.error.message);
  const joined = await ben.join({ sessionId, hostUrl: host.url, code: invited.value.code }, profile('Ben'));
  if (!joined.ok) throw new Error(joined.error.message);
  return { ada, ben, sessionId };
}

describe('taking part in a session', () => {
  it('shows the same turns to both, signed, and remembers them without a network', async () => {
    const { ada, ben, sessionId } = await pairOf();
    await ada.post(sessionId, say('one'));
    await expect.poll(() => textsOf(ben, sessionId), WITHIN).toEqual(['one']);
    await ben.post(sessionId, say('two'));
    await expect.poll(() => textsOf(ada, sessionId), WITHIN).toEqual(['one', 'two']);
    for (const client of [ada, ben]) {
      expect(client.session(sessionId)?.unverified.size).toBe(0);
      await client.session(sessionId)?.settled();
    }
    expect(ben.session(sessionId)?.turns[1]).toMatchObject({ follows: ada.session(sessionId)?.turns[0]?.id });

    await ben.close();
    await host.coordinator.stop();
    const offline = await open('ben');
    expect(await textsOf(offline, sessionId)).toEqual(['one', 'two']);
    expect(offline.session(sessionId)?.link).toBe('offline');
  });

  it('keeps what is written without a network, over a restart, and finds its place on return', async () => {
    const { ada, ben, sessionId } = await pairOf();
    const { port } = host;
    await host.coordinator.stop();
    await expect.poll(() => ben.session(sessionId)?.link, WITHIN).toBe('offline');
    await ben.post(sessionId, say('written on a train'));
    await ben.post(sessionId, say('and a second one'));
    await ben.close();

    host = await startTestCoordinator({ databaseFile: join(folder, 'host.sqlite'), port });
    ada.retry();
    await expect.poll(() => ada.session(sessionId)?.link, WITHIN).toBe('current');
    await ada.post(sessionId, say('meanwhile'));
    await expect.poll(() => textsOf(ada, sessionId), WITHIN).toEqual(['meanwhile']);

    const back = await open('ben');
    const all = ['meanwhile', 'written on a train', 'and a second one'];
    await expect.poll(() => textsOf(back, sessionId), WITHIN).toEqual(all);
    await expect.poll(() => textsOf(ada, sessionId), WITHIN).toEqual(all);
    expect(back.session(sessionId)?.waiting).toEqual([]);
  });

  it('enters a session again that its host could not let it into at first', async () => {
    const { ada, sessionId } = await pairOf();
    await ada.close();
    const call = ParticipantConnection.prototype.call;
    let refusals = 2;
    const busy = failure('storage-busy', 'The database is busy.', { retryable: true });
    vi.spyOn(ParticipantConnection.prototype, 'call').mockImplementation(function (
      this: ParticipantConnection,
      body,
      answer,
    ) {
      if (body.type !== 'session-enter' || refusals === 0) return call.call(this, body, answer);
      refusals -= 1;
      return Promise.resolve(busy);
    });
    const back = await open('ada', impatient);
    await expect.poll(() => back.session(sessionId)?.link, WITHIN).toBe('current');
    expect(refusals).toBe(0);
  });

  it('catches up over several pages, and mends a file that was cut off', async () => {
    const { ada, ben, sessionId } = await pairOf();
    await ben.close();
    for (let number = 0; number < 230; number += 1) await ada.post(sessionId, say(`turn ${number}`));
    await expect.poll(() => ada.session(sessionId)?.waiting.length, WITHIN).toBe(0);
    await expect.poll(async () => (await textsOf(ada, sessionId)).length, WITHIN).toBe(230);
    const back = await open('ben');
    await expect.poll(async () => (await textsOf(back, sessionId)).length, WITHIN).toBe(230);
    await back.close();
    const file = join(folder, 'ben', sessionId, 'turns.jsonl');
    const whole = await readFile(file, 'utf8');
    await appendFile(file, '{"seq":231,"half":');
    const mended = await open('ben');
    expect(await readFile(file, 'utf8')).toBe(whole);
    await expect.poll(async () => (await textsOf(mended, sessionId)).length, WITHIN).toBe(230);
  });

  it('opens beside copies that are too large or cannot be read, names them, and fetches them anew', async () => {
    const { ada, ben, sessionId } = await pairOf();
    const other = await ada.create({ title: 'Other', mode: 'async', agreement: null }, profile('Ada'));
    const otherId = other.ok ? other.value.id : '';
    for (const id of [sessionId, otherId]) await ada.post(id, say('one'));
    await expect.poll(() => textsOf(ben, sessionId), WITHIN).toEqual(['one']);
    await expect.poll(() => textsOf(ada, otherId), WITHIN).toEqual(['one']);
    await ada.close();
    await ben.close();
    const copyOf = (name: string, id = sessionId): string => join(folder, name, id, 'turns.jsonl');
    const whole = await readFile(copyOf('ben'), 'utf8');
    // Longer than a string can be, and longer than any copy; both take no room on the disk.
    await truncate(copyOf('ben'), 600 * 1_048_576);
    await truncate(copyOf('ada'), 1_073_741_825);
    await rm(copyOf('ada', otherId));
    await mkdir(copyOf('ada', otherId));

    const bensBack = await open('ben');
    expect(await textsOf(bensBack, sessionId)).toEqual(['one']);
    expect(await readFile(copyOf('ben'), 'utf8')).toBe(whole);
    const adasBack = await open('ada', systemClock, [sessionId, otherId]);
    await expect.poll(() => textsOf(adasBack, sessionId), WITHIN).toEqual(['one']);
    await adasBack.session(sessionId)?.settled();
    expect(await readFile(copyOf('ada'), 'utf8')).toBe(whole);
  });

  it('gives words back that the host no longer takes', async () => {
    const { ada, ben, sessionId } = await pairOf(impatient);
    const { port } = host;
    await host.coordinator.stop();
    await expect.poll(() => ben.session(sessionId)?.link, WITHIN).toBe('offline');
    await ben.post(sessionId, say('too late'));
    await ben.close();
    host = await startTestCoordinator({ databaseFile: join(folder, 'host.sqlite'), port });
    await expect.poll(() => ada.session(sessionId)?.link, WITHIN).toBe('current');
    expect((await ada.change(sessionId, { status: 'closed' })).ok).toBe(true);
    const back = await open('ben', impatient);
    await expect
      .poll(() => back.session(sessionId)?.refused.map(({ code }) => code), WITHIN)
      .toEqual(['session-closed']);
    expect(JSON.stringify(back.session(sessionId)?.refused)).toContain('too late');
    expect(back.session(sessionId)?.waiting).toEqual([]);
    expect(await textsOf(ada, sessionId)).toEqual([]);
  });

  it('lets a member by invitation in without a node, and tells others how to get in', async () => {
    await host.coordinator.stop();
    const token = 'administrator-token-of-the-tests';
    host = await startTestCoordinator({
      accessPolicy: 'institution',
      administratorToken: token,
      joinInstructions: 'Ask Ada in room 12.',
    });
    const made = await fetch(`${host.url}/admin/invitations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const { code } = (await made.json()) as { code: string };
    const ada = await open('ada', impatient);
    const refused = await ada.create({ title: 'Assay', mode: 'live', agreement: null }, profile('Ada'));
    expect(refused).toMatchObject({ ok: false });
    expect(JSON.stringify(refused)).toContain('Ask Ada in room 12.');
    ada.setHome({ url: host.url, accessToken: null, invitation: code });
    expect(await ada.create({ title: 'Assay', mode: 'live', agreement: null }, profile('Ada'))).toMatchObject({
      ok: true,
    });
  });

  it('hears of a session from its own host alone', async () => {
    const { ada, ben, sessionId } = await pairOf();
    const elsewhere = await startTestCoordinator();
    try {
      const cleo = await open('cleo');
      cleo.setHome({ url: elsewhere.url, accessToken: null });
      const made = await cleo.create({ title: 'Other', mode: 'live', agreement: null }, profile('Cleo'));
      if (!made.ok) throw new Error(made.error.message);
      const other = made.value.id;
      const invited = await cleo.invite(other, { role: 'member', uses: 1, expiresAt: hourFromNow() });
      if (!invited.ok) throw new Error(invited.error.message);
      const { code } = invited.value;
      expect((await ben.join({ sessionId: other, hostUrl: elsewhere.url, code }, profile('Ben'))).ok).toBe(true);

      const tells = (of: string, about: string): void => {
        const connection = ben.session(of)?.host as unknown as { onEvent: (event: SessionEvent) => void };
        connection.onEvent({ type: 'session-ended', session_id: about, message: `${about} is over` });
      };
      tells(other, sessionId);
      expect([ben.session(sessionId)?.ended, ben.session(other)?.ended]).toEqual([null, null]);
      tells(other, other);
      expect([ben.session(sessionId)?.ended, ben.session(other)?.ended]).toEqual([null, `${other} is over`]);
      await ada.post(sessionId, say('still here'));
      await expect.poll(() => textsOf(ben, sessionId), WITHIN).toEqual(['still here']);
    } finally {
      await elsewhere.coordinator.stop();
    }
  });

  it('waits no longer for a host that says nothing once joining is cancelled, and leaves it alone', async () => {
    const reached: Socket[] = [];
    const silent = createServer((socket) => void reached.push(socket.on('error', () => undefined).resume()));
    await new Promise<void>((done) => void silent.listen(0, '127.0.0.1', done));
    try {
      const hostUrl = `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}`;
      const ben = await open('ben', impatient);
      const cancel = new AbortController();
      const joined = ben.join({ sessionId: ELSEWHERE, hostUrl, code: null }, profile('Ben'), cancel.signal);
      await expect.poll(() => reached.length, WITHIN).toBe(1);
      cancel.abort();
      expect(await joined).toMatchObject({ ok: false, error: { code: 'cancelled' } });
      expect(
        await ben.join({ sessionId: ELSEWHERE, hostUrl, code: null }, profile('Ben'), cancel.signal),
      ).toMatchObject({
        ok: false,
        error: { code: 'cancelled' },
      });
      await expect.poll(() => reached.every(({ destroyed }) => destroyed), WITHIN).toBe(true);
    } finally {
      for (const socket of reached) socket.destroy();
      silent.close();
    }
  });

  it('contacts a host that let it into nothing no more', async () => {
    let contacts = 0;
    const refusing = createServer((socket) => {
      contacts += 1;
      socket
        .on('error', () => undefined)
        .end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    });
    await new Promise<void>((done) => void refusing.listen(0, '127.0.0.1', done));
    try {
      const hostUrl = `http://127.0.0.1:${String((refusing.address() as AddressInfo).port)}`;
      const waits: (() => void)[] = [];
      const clock: Clock = {
        ...systemClock,
        schedule: (ms, action) => {
          waits.push(action);
          return systemClock.schedule(ms, action);
        },
      };
      const ben = await open('ben', clock);
      await expect.poll(() => ben.homeCoordinatorId, WITHIN).not.toBeNull();
      expect((await ben.join({ sessionId: ELSEWHERE, hostUrl, code: null }, profile('Ben'))).ok).toBe(false);
      const before = contacts;
      expect(before).toBeGreaterThan(0);
      // Every pause is over at once: whoever still meant to come back would.
      for (const end of waits.splice(0)) end();
      const ada = await open('ada');
      expect((await ada.create({ title: 'Assay', mode: 'live', agreement: null }, profile('Ada'))).ok).toBe(true);
      expect(contacts).toBe(before);
    } finally {
      refusing.close();
    }
  });

  it('knows when it was taken out', async () => {
    const { ada, ben, sessionId } = await pairOf();
    const bensId = ben.session(sessionId)?.participantId ?? '';
    expect((await ada.setRole(sessionId, bensId, null)).ok).toBe(true);
    await expect.poll(() => ben.session(sessionId)?.ended, WITHIN).toMatch(/took you out/);
    await ada.post(sessionId, say('alone'));
    await expect.poll(() => textsOf(ada, sessionId), WITHIN).toEqual(['alone']);
    expect(await textsOf(ben, sessionId)).toEqual([]);
  });
});
