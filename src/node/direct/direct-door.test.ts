import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, type RawData } from 'ws';
import { TrafficMeter } from '../coordinator-client/traffic-meter';
import { silentLogger } from '../logger';
import { ManualClock } from '../test-doubles/manual-clock';
import { DirectDoor } from './direct-door';
import { opener, proofOf, sealer } from './link-protocol';

const REQUEST = '0190f0f0-0000-7000-8000-000000000001';
const OTHER = '0190f0f0-0000-7000-8000-000000000002';
const SECRET = Buffer.alloc(32, 7).toString('base64');

const doors: DirectDoor[] = [];
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const door of doors.splice(0)) await door.close();
});

async function openDoor(traffic = new TrafficMeter(new ManualClock())) {
  const frames: [string, string][] = [];
  const door = new DirectDoor(
    (requestId, bytes) => frames.push([requestId, Buffer.from(bytes).toString('utf8')]),
    () => undefined,
    silentLogger,
    traffic,
  );
  doors.push(door);
  const opened = await door.open({ host: '127.0.0.1', port: 0, announcedHost: null });
  if (!opened.ok) throw new Error(opened.error.message);
  return { door, frames, port: opened.value.port };
}

/** Somebody at the door, who has read the greeting. */
async function knock(port: number): Promise<{ socket: WebSocket; nonce: string; closed: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/pipeline`, ['tore.v1.direct']);
  sockets.push(socket);
  socket.on('error', () => undefined);
  const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
  const [data] = (await once(socket, 'message')) as [RawData];
  const { nonce } = JSON.parse((data as Buffer).toString('utf8')) as { nonce: string };
  return { socket, nonce, closed };
}

const link = (requestId: string, proof: string): string =>
  JSON.stringify({ type: 'link', request_id: requestId, proof });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('the door for other nodes', () => {
  it('lets in who holds the secret, also before the coordinator has announced the request', async () => {
    const { door, frames, port } = await openDoor();
    const { socket, nonce } = await knock(port);
    socket.send(link(REQUEST, proofOf(SECRET, REQUEST, nonce)));
    door.admit(REQUEST, SECRET);
    await once(socket, 'message');
    const seal = sealer(SECRET, nonce);
    socket.send(seal(Buffer.from('one')));
    socket.send(seal(Buffer.from('two')));
    await until(() => frames.length === 2);
    expect(frames).toEqual([
      [REQUEST, 'one'],
      [REQUEST, 'two'],
    ]);
  });

  it('counts what goes over a link, on both sides', async () => {
    const received = new TrafficMeter(new ManualClock());
    const sent = new TrafficMeter(new ManualClock());
    const { door, frames, port } = await openDoor(received);
    const { door: other } = await openDoor(sent);
    door.admit(REQUEST, SECRET);
    const outgoing = other.dial(REQUEST, { node_id: 'next', host: '127.0.0.1', port, secret: SECRET });
    expect(await outgoing.send(new Uint8Array(1_000))).toBe(true);
    await until(() => frames.length === 1);
    // Sealing adds its tag.
    expect(sent.total).toEqual({ sent: 1_016, received: 0 });
    expect(received.total).toEqual({ sent: 0, received: 1_016 });
    outgoing.close();
  });

  it.each(['a b', 'x%', '::::', 'host#', 'host/elsewhere', 'name@host'])(
    'leaves frames to the coordinator where the next node is at “%s”',
    async (host) => {
      const { door } = await openDoor();
      const outgoing = door.dial(REQUEST, { node_id: 'next', host, port: 1, secret: SECRET });
      expect(await outgoing.send(new Uint8Array(1))).toBe(false);
      expect(outgoing.problem).toBe('the next node has no address');
      outgoing.close();
    },
  );

  it.each<[string, (nonce: string) => string | Buffer]>([
    ['a wrong secret', (nonce) => link(REQUEST, proofOf(Buffer.alloc(32, 8).toString('base64'), REQUEST, nonce))],
    ['a proof for another greeting', () => link(REQUEST, proofOf(SECRET, REQUEST, 'another'))],
    ['a proof for another request', (nonce) => link(REQUEST, proofOf(SECRET, OTHER, nonce))],
    ['no proof', () => JSON.stringify({ type: 'link', request_id: REQUEST })],
    ['no JSON', () => 'hello'],
    ['a frame at once', () => Buffer.alloc(64)],
    ['a long greeting', () => JSON.stringify({ type: 'link', request_id: REQUEST, proof: 'A'.repeat(5_000) })],
  ])('keeps out who brings %s', async (_name, greeting) => {
    const { door, frames, port } = await openDoor();
    door.admit(REQUEST, SECRET);
    const { socket, nonce, closed } = await knock(port);
    socket.send(greeting(nonce));
    expect(await closed).toBe(4_401);
    expect(frames).toEqual([]);
  });

  it('closes on frames that were changed, repeated or sealed for another connection', async () => {
    for (const spoil of ['changed', 'repeated', 'foreign'] as const) {
      const { door, frames, port } = await openDoor();
      door.admit(REQUEST, SECRET);
      const { socket, nonce, closed } = await knock(port);
      socket.send(link(REQUEST, proofOf(SECRET, REQUEST, nonce)));
      await once(socket, 'message');
      const sealed = sealer(SECRET, spoil === 'foreign' ? 'another' : nonce)(Buffer.from('one'));
      if (spoil === 'changed') sealed[0] = (sealed[0] ?? 0) ^ 1;
      socket.send(sealed);
      if (spoil === 'repeated') socket.send(sealed);
      expect(await closed).toBe(4_401);
      expect(frames).toHaveLength(spoil === 'repeated' ? 1 : 0);
    }
  });

  it('shows who ends a request the way out', async () => {
    const { door, port } = await openDoor();
    door.admit(REQUEST, SECRET);
    const { socket, nonce, closed } = await knock(port);
    socket.send(link(REQUEST, proofOf(SECRET, REQUEST, nonce)));
    await once(socket, 'message');
    door.revoke(REQUEST);
    expect(await closed).toBe(1_000);
  });
});

describe('sealed frames', () => {
  it('hide their content and come back in order only', () => {
    const [seal, open, again] = [sealer(SECRET, 'n'), opener(SECRET, 'n'), opener(SECRET, 'n')];
    const frames = ['first', 'second'].map((text) => seal(Buffer.from(text)));
    expect(frames[0]?.includes('first')).toBe(false);
    expect(frames.map((frame) => open(frame)?.toString('utf8'))).toEqual(['first', 'second']);
    expect(again(frames[1] ?? Buffer.alloc(0))).toBeNull();
    expect(opener(SECRET, 'n')(Buffer.alloc(3))).toBeNull();
  });
});
