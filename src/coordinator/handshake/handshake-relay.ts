import { toEpochMs } from '../../protocol/documents/time';
import type { Cryptography } from '../../protocol/signing/ed25519';
import { advanceHandshake } from '../../protocol/trust/advance-handshake';
import { refuseTrust, type TrustResult } from '../../protocol/trust/errors';
import { handshakePhase, keyOf, otherSide, sideOf, type Handshake } from '../../protocol/trust/handshake';
import { readHandshakeMessage, type HandshakeMessage } from '../../protocol/trust/handshake-message';
import { readInboxRequest } from '../../protocol/trust/requests';
import { timestampOf, type Clock } from '../clock';
import type { PartyKeys } from '../discovery/party-keys';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { RELAY_LIMITS } from './relay-limits';

/** A message as its receiver gets it. */
export interface InboxEntry {
  readonly position: number;
  readonly message: unknown;
}

/** Messages for a party, oldest first. */
export interface InboxPage {
  readonly messages: readonly InboxEntry[];
  /** Ask again: there are more. */
  readonly more: boolean;
}

/** Told when something waits for a key. */
export type InboxNotice = (publicKey: string) => void;

const DECIDED_PHASES = new Set(['accepted', 'rejected', 'withdrawn']);

/**
 * Carries handshake messages between parties that need not be online at once. It checks what both sides check (form,
 * signature, order, rules, quotas), so that nothing invalid reaches anybody, and keeps a message until its receiver has it.
 * Notes of the parties never come here.
 */
export class HandshakeRelay {
  constructor(
    private readonly database: Database,
    private readonly coordinatorId: string,
    private readonly keys: PartyKeys,
    private readonly clock: Clock,
    private readonly cryptography: Cryptography,
    private readonly notify: InboxNotice,
  ) {}

  /** Takes one message for its receiver, or says why not. */
  async send(value: unknown): Promise<TrustResult<{ readonly status: 'accepted' }>> {
    const nowMs = this.clock.nowMs();
    const read = readHandshakeMessage(value, this.cryptography, nowMs);
    if (!read.ok) return read;
    const message = read.value;
    if (nowMs - toEpochMs(message.issued_at) > RELAY_LIMITS.maxMessageAgeMs) {
      return refuseTrust('request-stale', 'This message was written more than a day ago.', {
        suggestion: 'Write it again.',
      });
    }
    const sent = await this.database.transaction().execute((transaction) => this.accept(transaction, message));
    if (!sent.ok) return sent;
    this.notify(sent.value);
    return { ok: true, value: { status: 'accepted' } };
  }

  /** Gives a party its messages, and forgets those it says it has. */
  async inbox(value: unknown): Promise<TrustResult<InboxPage>> {
    const at = { coordinatorId: this.coordinatorId, nowMs: this.clock.nowMs() };
    const read = readInboxRequest(value, at, this.cryptography);
    if (!read.ok) return read;
    const { node_id: nodeId, public_key: publicKey, key_links: links, after, acknowledge, limit } = read.value;
    const claimed = await this.database
      .transaction()
      .execute((transaction) => this.keys.claim(transaction, { nodeId, publicKey, links: links ?? [] }));
    if (!claimed.ok) return claimed;
    const keys = await this.keys.keysOf(publicKey);
    if (acknowledge > 0) {
      await this.database
        .deleteFrom('handshake_messages')
        .where('to_key', 'in', keys)
        .where('position', '<=', acknowledge)
        .execute();
    }
    return { ok: true, value: await this.page(keys, after, limit) };
  }

  /** Forgets messages nobody fetched in time, and handshakes that are over. */
  async prune(nowMs: number): Promise<void> {
    const now = timestampOf(nowMs);
    await this.database.deleteFrom('handshake_messages').where('expires_at', '<=', now).execute();
    // An accepted handshake expires later than the others: `expires_at` says until when each is kept.
    await this.database.deleteFrom('handshakes').where('expires_at', '<=', now).execute();
  }

  /** @returns the key that now has something to read */
  private async accept(transaction: DatabaseTransaction, message: HandshakeMessage): Promise<TrustResult<string>> {
    const { from, content } = message;
    const links = message.key_links ?? [];
    const claimed = await this.keys.claim(transaction, { nodeId: from.node_id, publicKey: from.public_key, links });
    if (!claimed.ok) return claimed;
    const row = await transaction
      .selectFrom('handshakes')
      .select('state_json')
      .where('handshake_id', '=', message.handshake_id)
      .executeTakeFirst();
    const known = row === undefined ? null : (JSON.parse(row.state_json) as Handshake);
    const otherChallengesMs = content.kind === 'challenge' ? await this.challengesElsewhere(transaction, message) : [];
    const advanced = advanceHandshake(known, message, this.cryptography, { otherChallengesMs });
    if (!advanced.ok) return advanced;
    const room =
      known === null ? await this.roomForProposal(transaction, message) : await this.roomFor(transaction, message);
    if (!room.ok) return room;
    await this.store(transaction, advanced.value, message);
    const side = sideOf(advanced.value, from.node_id) ?? 'proposer';
    return { ok: true, value: keyOf(advanced.value.parties[otherSide(side)]) };
  }

  private async store(transaction: DatabaseTransaction, state: Handshake, message: HandshakeMessage): Promise<void> {
    const { handshake_id: handshakeId, from, to, content } = message;
    const nowMs = this.clock.nowMs();
    const isDecided = DECIDED_PHASES.has(handshakePhase(state, nowMs));
    const keepUntilMs = isDecided ? nowMs + RELAY_LIMITS.keepAcceptedMs : state.expiresAtMs;
    const columns = {
      is_joined: state.log.responder.length > 0 ? 1 : 0,
      state_json: JSON.stringify(state),
      expires_at: timestampOf(keepUntilMs),
      updated_at: timestampOf(nowMs),
    };
    await transaction
      .insertInto('handshakes')
      .values({
        handshake_id: handshakeId,
        proposer_id: state.parties.proposer.nodeId,
        responder_id: state.parties.responder.nodeId,
        ...columns,
      })
      .onConflict((conflict) => conflict.column('handshake_id').doUpdateSet(columns))
      .execute();
    if (content.kind === 'challenge') {
      const issuedAtMs = toEpochMs(message.issued_at);
      await transaction
        .insertInto('handshake_challenges')
        .values({ handshake_id: handshakeId, from_id: from.node_id, to_id: to.node_id, issued_at_ms: issuedAtMs })
        .execute();
    }
    const text = JSON.stringify(message);
    await transaction
      .insertInto('handshake_messages')
      .values({
        handshake_id: handshakeId,
        to_key: to.public_key,
        kind: content.kind,
        size_bytes: Buffer.byteLength(text),
        expires_at: timestampOf(toEpochMs(message.expires_at)),
        message_json: text,
      })
      .execute();
  }

  /** Challenges of the sender to the same party in other handshakes: the quota is one for all. */
  private async challengesElsewhere(transaction: DatabaseTransaction, message: HandshakeMessage): Promise<number[]> {
    const rows = await transaction
      .selectFrom('handshake_challenges')
      .select('issued_at_ms')
      .where('from_id', '=', message.from.node_id)
      .where('to_id', '=', message.to.node_id)
      .where('handshake_id', '!=', message.handshake_id)
      .execute();
    return rows.map((row) => Number(row.issued_at_ms));
  }

  private async roomForProposal(
    transaction: DatabaseTransaction,
    message: HandshakeMessage,
  ): Promise<TrustResult<void>> {
    const waiting = await transaction
      .selectFrom('handshake_messages')
      .select((build) => build.fn.countAll<number>().as('count'))
      .where('to_key', '=', message.to.public_key)
      .where('kind', '=', 'propose')
      .executeTakeFirstOrThrow();
    if (Number(waiting.count) >= RELAY_LIMITS.maxWaitingProposals) {
      return refuseTrust('quota-exceeded', 'Too many proposals wait for this party already.', {
        retryable: true,
        suggestion: 'Try again when it has been online.',
      });
    }
    const open = await transaction
      .selectFrom('handshakes')
      .select((build) => build.fn.countAll<number>().as('count'))
      .where('proposer_id', '=', message.from.node_id)
      .where('responder_id', '=', message.to.node_id)
      .where('is_joined', '=', 0)
      .where('expires_at', '>', timestampOf(this.clock.nowMs()))
      .executeTakeFirstOrThrow();
    return Number(open.count) < RELAY_LIMITS.maxOpenPerPair
      ? { ok: true, value: undefined }
      : refuseTrust('quota-exceeded', `${RELAY_LIMITS.maxOpenPerPair} proposals to this party are unanswered.`, {
          suggestion: 'Wait for an answer, or until they expire.',
        });
  }

  private async roomFor(transaction: DatabaseTransaction, message: HandshakeMessage): Promise<TrustResult<void>> {
    const { count, bytes } = await transaction
      .selectFrom('handshake_messages')
      .select((build) => [build.fn.countAll<number>().as('count'), build.fn.sum<number>('size_bytes').as('bytes')])
      .where('handshake_id', '=', message.handshake_id)
      .where('to_key', '=', message.to.public_key)
      .executeTakeFirstOrThrow();
    const isFull =
      Number(count) >= RELAY_LIMITS.maxWaitingPerHandshake ||
      Number(bytes ?? 0) >= RELAY_LIMITS.maxWaitingBytesPerHandshake;
    return isFull
      ? refuseTrust('quota-exceeded', 'Too much of this handshake waits for the other party already.', {
          retryable: true,
          suggestion: 'Try again when it has been online.',
        })
      : { ok: true, value: undefined };
  }

  private async page(keys: readonly string[], after: number, limit: number): Promise<InboxPage> {
    const rows = await this.database
      .selectFrom('handshake_messages')
      .select(['position', 'message_json', 'size_bytes'])
      .where('to_key', 'in', keys)
      .where('position', '>', after)
      .where('expires_at', '>', timestampOf(this.clock.nowMs()))
      .orderBy('position')
      .limit(limit + 1)
      .execute();
    const messages: InboxEntry[] = [];
    let bytes = 0;
    for (const row of rows.slice(0, limit)) {
      bytes += row.size_bytes;
      // At least one, or a large message would never arrive.
      if (messages.length > 0 && bytes > RELAY_LIMITS.maxPageBytes) break;
      messages.push({ position: Number(row.position), message: JSON.parse(row.message_json) as unknown });
    }
    return { messages, more: messages.length < rows.length };
  }
}
