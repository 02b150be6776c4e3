import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { systemClock } from '../clock';
import { SealedLink } from './sealed-link';

/** A socket whose other end says that it lives, and takes in what a test lets it. */
class FakeSocket extends EventEmitter {
  readonly readyState = WebSocket.OPEN;
  bufferedAmount = 0;
  isTerminated = false;
  send(bytes: Uint8Array): void {
    this.bufferedAmount += bytes.byteLength;
  }
  close(): void {
    this.isTerminated = true;
  }
  ping(): void {
    this.emit('pong');
  }
  terminate(): void {
    this.isTerminated = true;
  }
}

let socket: FakeSocket;
let link: SealedLink;
let reasons: string[];
let types: string[];

beforeEach(() => {
  vi.useFakeTimers();
  socket = new FakeSocket();
  reasons = [];
  types = [];
  const none = (): void => undefined;
  link = new SealedLink(
    socket as unknown as WebSocket,
    { seal: (frame) => Buffer.from(frame), open: (sealed) => Buffer.from(sealed) },
    'key',
    {
      message: ({ type }) => types.push(type),
      frame: none,
      misbehaved: (code) => reasons.push(code),
      failed: none,
      closed: (reason) => reasons.push(reason),
    },
    systemClock,
  );
});
afterEach(() => {
  if (link.stands) socket.emit('close', 1_000, Buffer.alloc(0));
  vi.useRealTimers();
});

const frame = new Uint8Array(FEDERATION_LIMITS.highWaterBytes);

it('ends with a peer that lives and takes nothing in, so that nobody waits for it for ever', async () => {
  void link.sendFrame(frame);
  void link.sendFrame(frame);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(link.stands).toBe(true);
  await vi.advanceTimersByTimeAsync(40_000);
  expect([link.stands, socket.isTerminated, reasons]).toEqual([
    false,
    true,
    ['the other side takes in nothing of what is sent'],
  ]);
});

it('stands with a peer that takes things in slowly, or has nothing to take in', async () => {
  await vi.advanceTimersByTimeAsync(120_000);
  for (let count = 0; count < 3; count += 1) void link.sendFrame(frame);
  for (let count = 0; count < 30; count += 1) {
    socket.bufferedAmount -= 1_000;
    await vi.advanceTimersByTimeAsync(10_000);
  }
  expect([link.stands, reasons]).toEqual([true, []]);
});

it('takes a token of U+0000, which a model may write, of a whole answer and of the last layers alone', () => {
  const id = randomUUID();
  const tell = (sequence: number, message: Record<string, unknown>): void => {
    socket.emit('message', Buffer.from(JSON.stringify({ ...message, sequence })), true);
  };
  tell(1, { type: 'request-token', request_id: id, index: 0, token_id: 0, text: '\u0000' });
  tell(2, { type: 'hop-token', hop_id: id, step: 1, position: 1, tokens: [{ id: 0, text: '\u0000' }] });
  expect([types, reasons]).toEqual([['request-token', 'hop-token'], []]);
  tell(3, { type: 'unsupported', of: '\u0000' });
  expect([link.stands, reasons[0]]).toEqual([false, 'message-invalid']);
});
