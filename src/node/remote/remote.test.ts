import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ephemeralKey } from '../../keys/link-keys';
import type { NodeState } from '../../protocol/compute/node-snapshot';
import { openIdentity, type NodeIdentity } from '../identity/node-identity';
import { fileSecretStore } from '../identity/secret-store';
import { silentLogger } from '../logger';
import { ManualClock } from '../test-doubles/manual-clock';
import { PairedFile } from './paired-file';
import { connectToHost, isHostAddress, type ControllerIntent, type RemoteLink } from './remote-controller';
import { RemoteHost } from './remote-host';
import {
  makePairingCode,
  normalizeCode,
  REMOTE_LIMITS,
  REMOTE_PATH,
  REMOTE_SUBPROTOCOL,
  signedText,
  transcriptOf,
  type GreetMessage,
} from './remote-protocol';
import { sealLine } from './sealed-line';

let folder: string;
let host: RemoteHost;
let hostKey: NodeIdentity;
let app: NodeIdentity;
let clock: ManualClock;
let address: string;
let codes: string[];
let acts: string[];
let state: NodeState;
const links: RemoteLink[] = [];

async function identity(name: string): Promise<NodeIdentity> {
  const opened = await openIdentity(fileSecretStore(join(folder, name)));
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

async function pairedFile(): Promise<PairedFile> {
  const opened = await PairedFile.open(join(folder, 'remote-control.json'));
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-remote-'));
  [hostKey, app] = await Promise.all([identity('host.key'), identity('app.key')]);
  clock = new ManualClock();
  codes = [];
  acts = [];
  state = { kind: 'serving', modelId: 'tore-tiny', range: { layer_start: 0, layer_end: 3 } };
  host = new RemoteHost({
    identity: hostKey,
    name: 'rack 3',
    paired: await pairedFile(),
    actions: {
      status: () => ({
        appVersion: '1',
        state,
        sentence: 'Serving.',
        coordinator: null,
        shard: null,
        tokensPerSecond: null,
        requestsActive: 0,
        requestsServed: 7,
        reliability: null,
        balanceMicroGft: 5,
      }),
      pause: (minutes) => {
        acts.push(`pause ${minutes}`);
        state = { kind: 'paused', reason: { kind: 'user' } };
      },
      resume: () => void acts.push('resume'),
      logTail: (lines) => Array.from({ length: lines }, (_, index) => `line ${index}`),
    },
    onCode: (code) => void codes.push(code),
    clock,
    logger: silentLogger,
  });
  const listening = await host.listen('127.0.0.1', 0);
  if (!listening.ok) throw new Error(listening.error.message);
  address = `127.0.0.1:${listening.value.port}`;
});

afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

async function connect(intent: ControllerIntent, key = app) {
  const connected = await connectToHost(address, intent, { identity: key, name: 'My laptop' });
  if (connected.ok) links.push(connected.value);
  return connected;
}

const code = (): string => codes.at(-1) ?? '';
const steer = (): ControllerIntent => ({ kind: 'steer', hostKey: hostKey.publicKey });

async function pair(): Promise<RemoteLink> {
  const paired = await connect({ kind: 'pair', code: code() });
  if (!paired.ok) throw new Error(paired.error.message);
  return paired.value;
}

describe('pairing and steering', () => {
  it('works with the code of the terminal, however it is typed, and later with the keys alone', async () => {
    const paired = await connect({
      kind: 'pair',
      code: code().toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o'),
    });
    expect(paired).toMatchObject({ ok: true, value: { hostKey: hostKey.publicKey, hostName: 'rack 3' } });
    expect(JSON.parse(await readFile(join(folder, 'remote-control.json'), 'utf8'))).toMatchObject({
      paired: [{ key: app.publicKey, name: 'My laptop' }],
    });
    expect((await stat(join(folder, 'remote-control.json'))).mode & 0o077).toBe(0);

    const again = await connect(steer());
    if (!again.ok) throw new Error(again.error.message);
    expect(await again.value.call({ kind: 'status' })).toMatchObject({ ok: true, value: { requestsServed: 7 } });
    expect(await again.value.call({ kind: 'pause', minutes: 15 })).toMatchObject({
      ok: true,
      value: { state: { kind: 'paused' } },
    });
    await again.value.call({ kind: 'resume' });
    expect(acts).toEqual(['pause 15', 'resume']);
    expect(await again.value.call({ kind: 'log', lines: 2 })).toEqual({ ok: true, value: ['line 0', 'line 1'] });
  });

  it('ends with unpairing, at once and for good', async () => {
    const link = await pair();
    expect(await link.call({ kind: 'unpair' })).toEqual({ ok: true, value: null });
    await link.closed;
    expect(await link.call({ kind: 'status' })).toMatchObject({ ok: false, error: { code: 'connection-lost' } });
    expect(await connect(steer())).toMatchObject({ ok: false, error: { code: 'proof-refused' } });
  });

  it('outlives a restart of the host', async () => {
    await pair();
    expect((await pairedFile()).find(app.publicKey)?.name).toBe('My laptop');
  });
});

describe('who is not let in', () => {
  it('comes with a wrong code; after a few the right one is void as well', async () => {
    for (let wrong = 0; wrong < REMOTE_LIMITS.wrongCodes; wrong += 1) {
      expect(await connect({ kind: 'pair', code: makePairingCode() })).toMatchObject({
        ok: false,
        error: { code: 'proof-refused' },
      });
    }
    for (let waits = 0; waits < 2; waits += 1) clock.advance(61_000);
    expect(await connect({ kind: 'pair', code: code() })).toMatchObject({ ok: false });
    host.offerPairing();
    expect(await connect({ kind: 'pair', code: code() })).toMatchObject({ ok: true });
  });

  it('comes too late, or second', async () => {
    const first = code();
    await pair();
    expect(await connect({ kind: 'pair', code: first }, await identity('other.key'))).toMatchObject({ ok: false });
    host.offerPairing();
    clock.advance(REMOTE_LIMITS.codeLifetimeMs);
    expect(await connect({ kind: 'pair', code: code() }, await identity('other.key'))).toMatchObject({ ok: false });
  });

  it('was never paired', async () => {
    await pair();
    expect(await connect(steer(), await identity('other.key'))).toMatchObject({
      ok: false,
      error: { code: 'proof-refused' },
    });
  });

  it('failed too often for a while, with the right key too', async () => {
    await pair();
    const other = await identity('other.key');
    for (let tries = 0; tries < REMOTE_LIMITS.failuresPerMinute; tries += 1) await connect(steer(), other);
    expect(await connect(steer())).toMatchObject({ ok: false });
    clock.advance(61_000);
    expect(await connect(steer())).toMatchObject({ ok: true });
  });
});

/** Somebody in between, who answers in the host's place without knowing the code. */
async function impostor(key: NodeIdentity): Promise<{ address: string; close: () => void }> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    path: REMOTE_PATH,
    handleProtocols: () => REMOTE_SUBPROTOCOL,
  });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => {
    const ephemeral = ephemeralKey();
    const hello = {
      type: 'hello',
      nonce: randomBytes(24).toString('base64'),
      key: key.publicKey,
      ephemeral: ephemeral.publicKey,
    } as const;
    socket.once('message', (data) => {
      const greeting = JSON.parse(String(data)) as GreetMessage;
      const transcript = transcriptOf(hello, greeting);
      const line = sealLine(socket, { ephemeral, role: 'host' }, greeting.ephemeral, transcript);
      socket.once('message', () =>
        line?.send({ signature: key.sign(signedText(transcript, 'host')), name: 'rack 3', proof: null }),
      );
    });
    socket.send(JSON.stringify(hello));
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

describe('what is not the paired computer', () => {
  it('is refused by the key that was pinned', async () => {
    await pair();
    const false_ = await impostor(await identity('impostor.key'));
    try {
      expect(await connectToHost(false_.address, steer(), { identity: app, name: 'x' })).toMatchObject({
        ok: false,
        error: { code: 'proof-refused' },
      });
    } finally {
      false_.close();
    }
  });

  it('cannot take part in pairing without the code', async () => {
    const false_ = await impostor(await identity('impostor.key'));
    try {
      const paired = await connectToHost(false_.address, { kind: 'pair', code: code() }, { identity: app, name: 'x' });
      expect(paired).toMatchObject({ ok: false, error: { code: 'proof-refused' } });
    } finally {
      false_.close();
    }
  });
});

describe('what a host takes from the network', () => {
  it('ends a conversation that asks for something else, and lets the others go on', async () => {
    const link = await pair();
    const other = await connect(steer());
    if (!other.ok) throw new Error(other.error.message);
    void link.call({ kind: 'pause', minutes: -5 });
    await link.closed;
    expect(acts).toEqual([]);
    expect(await other.value.call({ kind: 'status' })).toMatchObject({ ok: true });
  });

  it('is slowed down when it comes too often', async () => {
    const link = await pair();
    const answers = await Promise.all(
      Array.from({ length: REMOTE_LIMITS.requestsPer10Seconds + 3 }, () => link.call({ kind: 'status' })),
    );
    expect(answers.filter(({ ok }) => !ok)).toHaveLength(3);
    clock.advance(11_000);
    expect(await link.call({ kind: 'status' })).toMatchObject({ ok: true });
  });

  it('may be anything', async () => {
    await pair();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 200 })), { minLength: 1, maxLength: 3 }),
        async (messages) => {
          clock.advance(61_000);
          const socket = new WebSocket(`ws://${address}${REMOTE_PATH}`, REMOTE_SUBPROTOCOL);
          const closed = new Promise((resolve) => socket.once('close', resolve));
          socket.on('error', () => undefined);
          socket.once('message', () => messages.forEach((message) => socket.send(message)));
          await closed;
        },
      ),
      { numRuns: 25 },
    );
    clock.advance(61_000);
    expect(acts).toEqual([]);
    expect(await connect(steer())).toMatchObject({ ok: true });
  });

  it('needs the subprotocol', async () => {
    const socket = new WebSocket(`ws://${address}${REMOTE_PATH}`);
    const closeCode = await new Promise((resolve) => socket.once('close', resolve));
    expect(closeCode).toBe(1_013);
  });
});

describe('addresses, codes and lists', () => {
  it('have a form', () => {
    for (const good of ['host:1', '192.168.1.20:7450', '[fe80::1]:65535', 'rack-3.lab.example:7450']) {
      expect([good, isHostAddress(good)]).toEqual([good, true]);
    }
    for (const bad of ['host', 'host:0', 'host:65536', 'http://host:1', 'a@b:1', 'host:1/path', '', 'ho st:1']) {
      expect([bad, isHostAddress(bad)]).toEqual([bad, false]);
    }
    expect(normalizeCode('k7qf 2m9x hr4t')).toBe('K7QF2M9XHR4T');
    expect(normalizeCode('K7QF-2M9X-HR4')).toBeNull();
    for (let made = 0; made < 50; made += 1) expect(normalizeCode(makePairingCode())).toMatch(/^[0-9A-Z]{12}$/);
  });

  it('let nobody in by a damaged list', async () => {
    await writeFile(join(folder, 'remote-control.json'), '{"paired":[{"key":"x"}]}');
    expect(await PairedFile.open(join(folder, 'remote-control.json'))).toMatchObject({
      ok: false,
      error: { code: 'data-unreadable' },
    });
  });
});
