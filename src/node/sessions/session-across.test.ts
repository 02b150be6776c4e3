import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPair, terminationOf, type RunningPair } from '../../coordinator/testing/federation-pair';
import { nodeEd25519 } from '../../keys/ed25519';
import { readDocument } from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { verifySession } from '../../protocol/signing/verify-document';
import { systemClock } from '../clock';
import { openIdentity, type NodeIdentity } from '../identity/node-identity';
import { fileSecretStore } from '../identity/secret-store';
import { silentLogger } from '../logger';
import { SessionClient, type TurnDraft } from './session-client';
import { sessionDocument } from './session-document';

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 30_000 };

let folder = '';
let pair: RunningPair;
let clients: { readonly ada: SessionClient; readonly ben: SessionClient };

/** Ada uses the coordinator of A, Ben that of B. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-across-'));
  const [ada, ben] = [await identityOf('ada'), await identityOf('ben')];
  pair = await startPair({}, { people: { a: [ada.publicKey], b: [ben.publicKey] } });
  clients = { ada: await open('ada', ada, pair.a.url), ben: await open('ben', ben, pair.b.url) };
});
afterEach(async () => {
  await clients.ada.close();
  await clients.ben.close();
  await pair.stop();
  await rm(folder, { recursive: true, force: true });
});

async function identityOf(name: string): Promise<NodeIdentity> {
  const identity = await openIdentity(fileSecretStore(join(folder, `${name}.key`)));
  if (!identity.ok) throw new Error(identity.error.message);
  return identity.value;
}

async function open(name: string, identity: NodeIdentity, url: string): Promise<SessionClient> {
  const client = new SessionClient({
    folder: join(folder, name),
    identity,
    accessTokenFor: () => null,
    clock: systemClock,
    logger: silentLogger,
    onListChanged: () => undefined,
    onOffered: () => undefined,
    onChange: () => undefined,
  });
  await client.open();
  client.setHome({ url, accessToken: null });
  return client;
}

const profile = (name: string) => ({ display_name: name, platform: 'test', model: null });
const say = (text: string): TurnDraft => ({ author: 'human', content: [{ type: 'text', text }] });

function textsOf(client: SessionClient, sessionId: string): string[] {
  const turns = client.session(sessionId)?.turns ?? [];
  return turns.map(({ content: [part] }) => (part !== undefined && 'text' in part ? String(part.text) : ''));
}

/** A session of Ben's that Ada has joined where she was shown it. */
async function sessionOfBoth(): Promise<string> {
  const { ada, ben } = clients;
  await expect.poll(() => ben.homeCoordinatorId, WITHIN).not.toBeNull();
  const made = await ben.create({ title: 'Of both', mode: 'live', agreement: pair.files.agreement }, profile('Ben'));
  if (!made.ok) throw new Error(made.error.message);
  await expect.poll(() => ada.offers.map(({ offer }) => offer.session_id), WITHIN).toEqual([made.value.id]);
  const [offered] = ada.offers;
  const link = { sessionId: made.value.id, hostUrl: offered?.hostUrl ?? '', code: null };
  expect(link.hostUrl).toBe(pair.a.url);
  const joined = await ada.join(link, profile('Ada'));
  if (!joined.ok) throw new Error(joined.error.message);
  return made.value.id;
}

async function cutLink(): Promise<void> {
  await pair.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/cut');
  const state = async (): Promise<unknown> => {
    const { body } = await pair.admin('a', 'GET', '/admin/federation');
    const [peer] = body['peers'] as { link: { state: string } }[];
    return peer?.link.state;
  };
  await expect.poll(state, WITHIN).not.toBe('up');
}

describe('taking part in a session of the other side', () => {
  it('writes on while the link is cut, and both sides export the same session, which verifies without a network', async () => {
    const { ada, ben } = clients;
    const sessionId = await sessionOfBoth();
    await ada.post(sessionId, say('one'));
    await expect.poll(() => textsOf(ben, sessionId), WITHIN).toEqual(['one']);
    await cutLink();
    await ada.post(sessionId, say('two, kept'));
    await ada.post(sessionId, say('three, kept'));
    await ben.post(sessionId, say('at the host'));
    await expect.poll(() => textsOf(ben, sessionId), WITHIN).toEqual(['one', 'at the host']);
    expect(ada.session(sessionId)?.waiting).toHaveLength(2);
    await pair.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/resume');
    const all = ['one', 'at the host', 'two, kept', 'three, kept'];
    for (const client of [ada, ben]) {
      await expect.poll(() => textsOf(client, sessionId), WITHIN).toEqual(all);
      expect(client.session(sessionId)?.unverified.size).toBe(0);
    }
    expect(ada.session(sessionId)?.waiting).toEqual([]);
    const exported = [ada, ben].map((client) => {
      const session = client.session(sessionId);
      if (session === null) throw new Error('the session is followed');
      const written = writeDocument(sessionDocument(session));
      if (!written.ok) throw new Error(written.error.message);
      const read = readDocument(Buffer.from(written.value, 'utf8'));
      if (!read.ok || read.value.kind !== 'session') throw new Error('it is a session');
      expect(verifySession(read.value.document, nodeEd25519)).toMatchObject({ ok: true, value: { signatures: 4 } });
      return read.value.document;
    });
    expect(exported[0]?.turns).toEqual(exported[1]?.turns);
    expect(exported[0]?.host.coordinator_id).toBe(pair.b.coordinatorId);
  });

  it('gets back what waits when the agreement ends, with the reason', async () => {
    const { ada } = clients;
    const sessionId = await sessionOfBoth();
    await cutLink();
    await ada.post(sessionId, say('too late'));
    await fetch(`${pair.a.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(terminationOf(pair.files.agreement, '2026-03-01T00:00:00.000Z')),
    });
    await expect.poll(() => ada.session(sessionId)?.refused, WITHIN).toMatchObject([{ code: 'agreement-invalid' }]);
    expect(ada.session(sessionId)?.refused[0]?.message).toContain('terminated');
    expect(ada.session(sessionId)?.waiting).toEqual([]);
  });
});
