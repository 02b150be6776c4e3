import { EventEmitter } from 'node:events';
import { afterEach, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { NodeConnection, type ConnectionEvents } from './node-connection';

type Json = Record<string, unknown>;

const TAKE_IN_MS = 60_000;
/** More than may wait before senders wait as well. */
const MUCH = 2 * 1024 * 1024;

afterEach(() => {
  vi.useRealTimers();
});

/** A socket without a network: what is sent to it is kept. */
class HeldSocket extends EventEmitter {
  readonly readyState = WebSocket.OPEN;
  bufferedAmount = 0;
  readonly sent: Json[] = [];
  /** Says that a write has left, one for each. */
  readonly leave: (() => void)[] = [];
  closed: number | null = null;

  send(text: string, left?: () => void): void {
    this.sent.push(JSON.parse(text) as Json);
    if (left !== undefined) this.leave.push(left);
  }
  ping(): void {
    // Its answer is told by the test.
  }
  close(code: number): void {
    this.closed = code;
  }
  terminate(): void {
    this.closed ??= 1006;
  }
}

function connect(events: Partial<ConnectionEvents> = {}) {
  const socket = new HeldSocket();
  const failures: unknown[] = [];
  const ends: string[] = [];
  const nothing = (): void => undefined;
  const connection = new NodeConnection(socket as unknown as WebSocket, TAKE_IN_MS, {
    authenticate: nothing,
    call: nothing,
    participant: nothing,
    pipeline: nothing,
    frame: nothing,
    roundTrip: nothing,
    failed: (thrown) => failures.push(thrown),
    closed: () => ends.push('closed'),
    ...events,
  });
  return { socket, connection, failures, ends };
}

const proof = JSON.stringify({
  type: 'authenticate',
  public_key: `${'A'.repeat(43)}=`,
  signature: `${'A'.repeat(86)}==`,
});

it('closes a connection whose message could not be handled, and tells why', () => {
  const fault = new RangeError('Maximum call stack size exceeded');
  const { socket, failures, ends } = connect({
    authenticate: () => {
      throw fault;
    },
  });
  socket.emit('message', Buffer.from(proof), false);
  expect(failures).toEqual([fault]);
  expect(socket.closed).toBe(1011);
  expect(ends).toEqual(['closed']);
});

it('answers with an error of its own where a reply cannot be written', async () => {
  const { socket, connection, failures } = connect();
  const deep = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`) as unknown;
  connection.reply({ type: 'reply', call_id: 7, ok: true, value: deep });
  await expect
    .poll(() => socket.sent)
    .toMatchObject([{ call_id: 7, ok: false, error: { code: 'coordinator-internal' } }]);
  expect(failures).toEqual([expect.any(RangeError)]);
});

it('cuts off a peer that takes nothing in, however many signs of life it gives', async () => {
  vi.useFakeTimers();
  const { socket, connection, ends } = connect();
  socket.bufferedAmount = MUCH;
  void connection.send({ type: 'notice', event: 1, text: 'unread' });
  for (let spentMs = 0; spentMs < TAKE_IN_MS; spentMs += TAKE_IN_MS / 4) {
    expect(socket.closed).toBeNull();
    connection.probe();
    socket.emit('pong');
    await vi.advanceTimersByTimeAsync(TAKE_IN_MS / 4);
  }
  expect(socket.closed).toBe(4408);
  expect(ends).toEqual(['closed']);
});

it('keeps a peer that takes in little by little, and one that has taken in everything', async () => {
  vi.useFakeTimers();
  const { socket, connection } = connect();
  socket.bufferedAmount = MUCH;
  const sent = [1, 2, 3].map((event) => connection.send({ type: 'notice', event, text: 'slow' }));
  for (const _ of sent) {
    await vi.advanceTimersByTimeAsync(TAKE_IN_MS - 1);
    socket.leave.shift()?.();
  }
  expect(await Promise.all(sent)).toEqual([true, true, true]);
  await vi.advanceTimersByTimeAsync(10 * TAKE_IN_MS);
  expect(socket.closed).toBeNull();
  connection.close({ code: 1001, reason: 'the test is over' });
});
