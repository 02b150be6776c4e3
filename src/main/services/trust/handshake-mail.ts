import { nodeCryptography } from '../../../keys/ed25519';
import type { Failure, Result } from '../../../protocol/result';
import { success } from '../../../protocol/result';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import { readHandshakeMessage, type HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { MAX_INBOX_PAGE } from '../../../protocol/trust/requests';
import { signStatement } from '../../../protocol/trust/statement';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import type { HandshakeBook, KeptHandshake } from './handshake-book';
import type { ConnectedParty } from './trust-connection';
import { Turns } from './turns';

export interface HandshakeMailOptions {
  readonly book: HandshakeBook;
  readonly connection: () => Result<ConnectedParty>;
  readonly writer: () => MessageWriter | null;
  /** Last position read at a coordinator, and how to keep it. */
  readonly position: (coordinatorId: string) => number;
  readonly keepPosition: (coordinatorId: string, position: number) => Promise<void>;
  /** A message of the other side was taken. */
  readonly onReceived: (message: HandshakeMessage, kept: KeptHandshake) => Promise<void>;
  /** A message that waited could not be sent and was taken back. */
  readonly onTakenBack: (reason: Failure) => void;
  readonly onChange: () => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** Sends what waits and fetches what waits, one thing after the other. */
export class HandshakeMail {
  readonly #options: HandshakeMailOptions;
  readonly #turns = new Turns();

  constructor(options: HandshakeMailOptions) {
    this.#options = options;
  }

  /** Fetches and sends everything that waits. Failures to reach the coordinator are left for the next time. */
  async sync(): Promise<void> {
    await this.#turns.run(async () => {
      await this.#fetch();
      for (const { file } of this.#options.book.all()) {
        const sent = await this.#flush(file.id);
        if (!sent.ok && !isRefusal(sent.error)) return;
        if (!sent.ok) this.#options.onTakenBack(sent.error);
      }
    });
  }

  /**
   * Sends the messages of one handshake. A coordinator that cannot be reached is no failure: they wait. A refusal is one,
   * and what was refused is taken back.
   */
  async send(handshakeId: string): Promise<Result<void>> {
    const sent = await this.#turns.run(() => this.#flush(handshakeId));
    return sent.ok || isRefusal(sent.error) ? sent : success(undefined);
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    await this.#turns.settled();
  }

  async #flush(handshakeId: string): Promise<Result<void>> {
    const { book, connection, onChange } = this.#options;
    for (const message of book.unsent(handshakeId)) {
      const connected = connection();
      if (!connected.ok) return connected;
      const sent = await connected.value.client.send(message);
      // An answer that was lost on its way: the coordinator has the message.
      if (sent.ok || sent.error.code === 'message-replayed') {
        await book.noteSent(handshakeId);
      } else if (isRefusal(sent.error)) {
        await book.takeBack(handshakeId);
        onChange();
        return sent;
      } else {
        return sent;
      }
      onChange();
    }
    return success(undefined);
  }

  async #fetch(): Promise<void> {
    const { writer: writerOf, connection, position, keepPosition, log } = this.#options;
    const writer = writerOf();
    const connected = connection();
    if (writer === null || !connected.ok) return;
    const { client, coordinatorId } = connected.value;
    for (;;) {
      const after = position(coordinatorId);
      const batch = await client.inbox(this.#request(writer, coordinatorId, after));
      if (!batch.ok) {
        log.info({ code: batch.error.code }, 'the inbox could not be read');
        return;
      }
      for (const { position: reached, message } of batch.value.messages) {
        await this.#take(message);
        await keepPosition(coordinatorId, reached);
      }
      if (!batch.value.more || batch.value.messages.length === 0) return;
    }
  }

  #request(writer: MessageWriter, coordinatorId: string, after: number): object {
    const request = {
      tore_spec: 'tore-0002',
      type: 'inbox-request',
      coordinator_id: coordinatorId,
      node_id: writer.nodeId,
      public_key: writer.signer.publicKey,
      ...(writer.keyLinks.length === 0 ? {} : { key_links: writer.keyLinks }),
      after,
      acknowledge: after,
      limit: MAX_INBOX_PAGE,
      issued_at: isoTime(this.#options.timers.now()),
    };
    return signStatement(request, writer.signer, nodeCryptography);
  }

  async #take(value: unknown): Promise<void> {
    const { book, timers, log, onReceived, onChange } = this.#options;
    const read = readHandshakeMessage(value, nodeCryptography, timers.now());
    const taken = read.ok ? await book.take(read.value) : read;
    if (!taken.ok) {
      // The coordinator checks the same; what comes here all the same is refused without a word to its sender.
      if (taken.error.code !== 'message-replayed')
        log.warn({ code: taken.error.code }, 'a handshake message was refused');
      return;
    }
    if (read.ok) await onReceived(read.value, taken.value);
    onChange();
  }
}

/** Codes after which the same message may be taken later. */
const LATER_CODES = new Set([
  'coordinator-unreachable',
  'coordinator-timeout',
  'coordinator-fault',
  'coordinator-unauthorized',
  'not-connected',
  'rate-limited',
  'identity-required',
  'identity-invalid',
  'not-a-member',
  'storage-full',
  'storage-busy',
  'storage-failed',
]);

/** Whether a coordinator has looked at a message and will not take it. */
function isRefusal(error: Failure): boolean {
  return !LATER_CODES.has(error.code);
}
