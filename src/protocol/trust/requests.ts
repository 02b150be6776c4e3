import { Type, type Static, type TObject } from 'typebox';
import { Identifier, PublicKey, Timestamp } from '../documents/fields';
import { toEpochMs } from '../documents/time';
import type { Cryptography } from '../signing/ed25519';
import { Agreement } from './agreement';
import { refuseTrust, type TrustResult } from './errors';
import { KeyLinks } from './key-link';
import { isSignedBy, statementFields, statementReader } from './statement';
import { TRUST_LIMITS } from './trust-limits';

/*
 * What a party asks of a coordinator in its own name. The signature is in the request itself, so that it means the same
 * over every binding; `coordinator_id` and `issued_at` keep a copy of it from being used elsewhere or later.
 */

const requestFields = {
  coordinator_id: Identifier,
  node_id: Identifier,
  public_key: PublicKey,
  /** From a key the coordinator may know to the one that signs. */
  key_links: KeyLinks,
  issued_at: Timestamp,
};

/** Takes a discovery record out of the index. */
export const DiscoveryWithdrawal = Type.Object({
  ...statementFields('discovery-withdrawal'),
  ...requestFields,
  record_id: Identifier,
});
export type DiscoveryWithdrawal = Static<typeof DiscoveryWithdrawal>;

/** Messages of one answer; more follow with the next request. */
export const MAX_INBOX_PAGE = 100;

/** Asks for handshake messages, and says which ones arrived and need not be kept. */
export const InboxRequest = Type.Object({
  ...statementFields('inbox-request'),
  ...requestFields,
  /** Position of the last message that was read; 0 for all. */
  after: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  /** Messages up to this position are stored at the receiver. */
  acknowledge: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  limit: Type.Integer({ minimum: 1, maximum: MAX_INBOX_PAGE }),
});
export type InboxRequest = Static<typeof InboxRequest>;

/** Keys one agreement lets in: the computers of a laboratory. */
export const MAX_MEMBER_KEYS = 1_000;

/** Asks an institution's coordinator to let keys in because of an agreement with the institution. */
export const MembershipRequest = Type.Object({
  ...statementFields('membership-request'),
  ...requestFields,
  agreement: Agreement,
  /** Keys of the party's computers; its own key is let in anyway. Replaces the list of an earlier request. */
  member_keys: Type.Array(PublicKey, { maxItems: MAX_MEMBER_KEYS }),
});
export type MembershipRequest = Static<typeof MembershipRequest>;

interface RequestForm {
  readonly coordinator_id: string;
  readonly public_key: string;
  readonly issued_at: string;
  readonly signature: { readonly alg: 'Ed25519'; readonly key_id: string; readonly value: string };
}

function requestReader<Schema extends TObject>(schema: Schema, noun: string, maxBytes: number) {
  const readForm = statementReader(schema, noun, maxBytes);
  return (
    value: unknown,
    at: { readonly coordinatorId: string; readonly nowMs: number },
    cryptography: Cryptography,
  ): TrustResult<Static<Schema>> => {
    const read = readForm(value);
    if (!read.ok) return read;
    const request = read.value as Static<Schema> & RequestForm;
    if (!isSignedBy(request, request.public_key, cryptography)) {
      return refuseTrust('signature-wrong', `The signature of the ${noun} does not hold: it was forged or changed.`);
    }
    if (request.coordinator_id !== at.coordinatorId) {
      return refuseTrust('wrongly-addressed', `The ${noun} is for another coordinator.`);
    }
    const ageMs = at.nowMs - toEpochMs(request.issued_at);
    if (Math.abs(ageMs) <= TRUST_LIMITS.maxRequestAgeMs) return { ok: true, value: request };
    return refuseTrust('request-stale', `The ${noun} was signed at ${request.issued_at}; it is good for 5 minutes.`, {
      retryable: true,
      suggestion: 'Check the clock of this computer, and sign it again.',
    });
  };
}

export const readWithdrawal = requestReader(DiscoveryWithdrawal, 'withdrawal', TRUST_LIMITS.maxRecordBytes);
export const readInboxRequest = requestReader(InboxRequest, 'inbox request', TRUST_LIMITS.maxRecordBytes);
export const readMembershipRequest = requestReader(
  MembershipRequest,
  'membership request',
  TRUST_LIMITS.maxMessageBytes,
);
