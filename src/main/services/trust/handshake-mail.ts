import { nodeCryptography } from '../../../keys/ed25519';
import type { Failure, Result } from '../../../protocol/result';
import { failure, success } from '../../../protocol/result';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import { readHandshakeMessage, type HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { MAX_INBOX_PAGE } from '../../../protocol/trust/requests';
import { signStatement } from '../../../protocol/trust/statement';
import type { MainErrorCode } from '../../errors';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import type { HandshakeBook, KeptHandshake } from './handshake-book';
import type { ConnectedParty } from './trust-connection';
import { Turns } from './turns';

/** Pages of an inbox read at a time, so that a coordinator which always has more keeps nothing else waiting. */
const MAX_PAGES = 50;

export interface HandshakeMailOptions {
  readonly book: HandshakeBook;
  readonly connection: () => Result<ConnectedParty>;
  readonly writer: () => MessageWriter | null;
  /** Last position read in the inbox at a place, and how to keep it. */
  readonly position: (place: string) => number;
  readonly keepPosition: (place: string, position: number) => Promise<void>;
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
  /** A reading that has not begun yet answers everybody who asks for one. */
  #nextSync: Promise<void> | null = null;

  constructor(options: HandshakeMailOptions) {
    this.#options = options;
  }

  /** Fetches and sends everything that waits. Failures to reach the coordinator are left for the next time. */
  sync(): Promise<void> {
    this.#nextSync ??= this.#turns.run(async () => {
      this.#nextSync = null;
      await this.#fetch();
      for (const { file } of this.#options.book.all()) {
        const sent = await this.#flush(file.id);
        if (!sent.ok && !isRefusal(sent.error)) return;
        if (!sent.ok) this.#options.onTakenBack(sent.error);
      }
    });
    return this.#nextSync;
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
    const { client, coordinatorId, place } = connected.value;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const after = position(place);
      const batch = await client.inbox(this.#request(writer, coordinatorId, after));
      if (!batch.ok) {
        log.info({ code: batch.error.code }, 'the inbox could not be read');
        return;
      }
      for (const { position: reached, message } of batch.value.messages) {
        if (reached <= position(place)) {
          log.warn({ reached }, 'a coordinator gave a message again that was read');
          return;
        }
        // What could not be kept stays at the coordinator.
        if (!(await this.#take(message, writer))) return;
        await keepPosition(place, reached);
      }
      if (!batch.value.more || batch.value.messages.length === 0) return;
      const current = connection();
      if (!current.ok || current.value.client !== client) return;
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

  /** @returns whether the message is done with: taken, or refused for good */
  async #take(value: unknown, writer: MessageWriter): Promise<boolean> {
    const { book, timers, log, onReceived, onChange } = this.#options;
    const read = readHandshakeMessage(value, nodeCryptography, timers.now());
    // Between which parties a handshake is, its proposal says; one between others is nobody's business here.
    const isForUs = read.ok && (book.find(read.value.handshake_id).ok || isTo(read.value, writer));
    const taken = isForUs ? await book.take(read.value) : read.ok ? notForUs() : read;
    if (!taken.ok) {
      // The coordinator checks the same; what comes here all the same is refused without a word to its sender.
      if (taken.error.code !== 'message-replayed')
        log.warn({ code: taken.error.code }, 'a handshake message was refused');
      return !DISK_CODES.has(taken.error.code);
    }
    if (read.ok) await onReceived(read.value, taken.value);
    onChange();
    return true;
  }
}

/** Whether a message goes to a party, by its present key or one it has replaced. */
function isTo({ to }: HandshakeMessage, { nodeId, signer, keyLinks }: MessageWriter): boolean {
  const keys = [signer.publicKey, ...keyLinks.map((link) => link.old_public_key)];
  return to.node_id === nodeId && keys.includes(to.public_key);
}

function notForUs(): { readonly ok: false; readonly error: Failure } {
  return failure('wrongly-addressed', 'The message is for another party.');
}

/** Codes of what could not be written here. */
const DISK_CODES = new Set<string>(['disk-full', 'disk-denied', 'disk-failed'] satisfies MainErrorCode[]);

/** Codes after which the same message may be taken later. */
const LATER_CODES = new Set([
  'coordinator-unreachable',
  'coordinator-timeout',
  'coordinator-fault',
  'coordinator-unauthorized',
  // Somebody else answered in the coordinator's place, such as a login page.
  'answer-invalid',
  'answer-too-large',
  'not-connected',
  'rate-limited',
  'too-many-requests',
  'coordinator-busy',
  'coordinator-stopping',
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
