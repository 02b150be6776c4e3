import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { NodeConnection, type ConnectionEvents } from './node-connection';

type Json = Record<string, unknown>;

/** A socket without a network: what is sent to it is kept. */
class HeldSocket extends EventEmitter {
  readonly readyState = WebSocket.OPEN;
  readonly bufferedAmount = 0;
  readonly sent: Json[] = [];
  closed: number | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Json);
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
  const connection = new NodeConnection(socket as unknown as WebSocket, {
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
