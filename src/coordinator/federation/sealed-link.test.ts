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

beforeEach(() => {
  vi.useFakeTimers();
  socket = new FakeSocket();
  reasons = [];
  const none = (): void => undefined;
  link = new SealedLink(
    socket as unknown as WebSocket,
    { seal: (frame) => Buffer.from(frame), open: () => null },
    'key',
    { message: none, frame: none, misbehaved: none, failed: none, closed: (reason) => reasons.push(reason) },
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
