import { Type, type Static } from 'typebox';
import { Identifier, Maybe, PublicKey, Sha256Text, Timestamp } from '../documents/fields';
import { checkTime, toEpochMs } from '../documents/time';
import { ProblemList } from '../documents/problems';
import type { Ed25519 } from '../signing/ed25519';
import { Agreement } from './agreement';
import { ChallengeQuota } from './discovery';
import { refuseTrust, type TrustResult } from './errors';
import { KeyLinks } from './key-link';
import { isSignedBy, statementReader, statementFields } from './statement';
import { TerminationNotice } from './termination';
import { GovernanceMode } from './trust-fields';
import { TRUST_LIMITS } from './trust-limits';

/** Computers a party names in a handshake: those its people sit at, not its whole cluster. */
const MAX_MEMBER_KEYS_IN_AGREEMENT = 32;

const ShortText = Type.String({ maxLength: TRUST_LIMITS.maxNameLength });
const LongText = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxTextLength });
const Term = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });
const Verdict = Type.Union([Type.Literal('accepted'), Type.Literal('rejected')]);

/** What one party asks the other to show what it can do. */
export const Challenge = Type.Object({
  id: Identifier,
  domain: Term,
  subdomain: Term,
  /** `question`: answered by a person or a model. `compute`: the named model's greedy answer, which anyone can compute again. */
  form: Type.Union([Type.Literal('question'), Type.Literal('compute')]),
  prompt: LongText,
  /** Name of the set it was taken from. */
  set: Maybe(ShortText),
  /** Compute challenges: which model, and how many tokens at temperature 0. */
  model_id: Maybe(Term),
  max_new_tokens: Maybe(Type.Integer({ minimum: 1, maximum: TRUST_LIMITS.maxChallengeTokens })),
});
export type Challenge = Static<typeof Challenge>;

/** The answer to a challenge. */
export const ChallengeResponse = Type.Object({
  challenge_id: Identifier,
  /** SHA-256 of the canonical JSON of the challenge as it was received. */
  challenge_hash: Sha256Text,
  author: Type.Union([Type.Literal('human'), Type.Literal('model')]),
  model_id: Maybe(Term),
  text: LongText,
});
export type ChallengeResponse = Static<typeof ChallengeResponse>;

/** What a party thinks of one answer. Why it thinks so stays with it. */
export const ChallengeVerdict = Type.Object({
  challenge_id: Identifier,
  challenge_hash: Sha256Text,
  response_hash: Sha256Text,
  verdict: Verdict,
  decided_at: Timestamp,
});
export type ChallengeVerdict = Static<typeof ChallengeVerdict>;

export const HandshakeContent = Type.Union([
  Type.Object({
    kind: Type.Literal('propose'),
    purpose: LongText,
    governance_mode: GovernanceMode,
    /** Challenges the proposer takes from the other party. */
    quota: ChallengeQuota,
    /** When the handshake is over if it was not decided. */
    handshake_expires_at: Timestamp,
    /** The discovery record that led here. */
    record_id: Maybe(Identifier),
  }),
  Type.Object({ kind: Type.Literal('join'), quota: ChallengeQuota, note: Maybe(LongText) }),
  Type.Object({ kind: Type.Literal('challenge'), challenge: Challenge }),
  Type.Object({ kind: Type.Literal('response'), response: ChallengeResponse }),
  Type.Object({
    kind: Type.Literal('decide'),
    decision: Type.Union([Type.Literal('accept'), Type.Literal('reject')]),
    verdicts: Type.Array(ChallengeVerdict, { maxItems: TRUST_LIMITS.maxChallengesPerSide }),
    reason: Maybe(LongText),
  }),
  Type.Object({ kind: Type.Literal('withdraw'), reason: Maybe(LongText) }),
  /** An agreement, signed at least by the sender: an offer, an offer signed back, or a renewal. */
  Type.Object({ kind: Type.Literal('agreement'), agreement: Agreement }),
  Type.Object({ kind: Type.Literal('terminate'), notice: TerminationNotice }),
]);
export type HandshakeContent = Static<typeof HandshakeContent>;

/** One message of a handshake, signed and addressed, so that nobody can alter, forge, repeat or redirect it. */
export const HandshakeMessage = Type.Object({
  ...statementFields('handshake-message'),
  handshake_id: Identifier,
  /** Counts the messages of this sender in this handshake, from 1 without gaps. */
  sequence: Type.Integer({ minimum: 1, maximum: TRUST_LIMITS.maxMessagesPerSide }),
  /** How many messages of the other party the sender had read. What it may do is judged by what it could know. */
  seen: Type.Integer({ minimum: 0, maximum: TRUST_LIMITS.maxMessagesPerSide }),
  from: Type.Object({
    node_id: Identifier,
    public_key: PublicKey,
    name: ShortText,
    institution: Maybe(ShortText),
    /** Keys of the party's computers, which work and take part in sessions in its name. */
    member_keys: Maybe(Type.Array(PublicKey, { maxItems: MAX_MEMBER_KEYS_IN_AGREEMENT })),
  }),
  to: Type.Object({ node_id: Identifier, public_key: PublicKey }),
  issued_at: Timestamp,
  expires_at: Timestamp,
  /** Links from the key the receiver may know to the one that signs. */
  key_links: KeyLinks,
  content: HandshakeContent,
});
export type HandshakeMessage = Static<typeof HandshakeMessage>;

const readForm = statementReader(HandshakeMessage, 'handshake message', TRUST_LIMITS.maxMessageBytes);

function checkTimes(message: HandshakeMessage, nowMs: number): TrustResult<HandshakeMessage> {
  const problems = new ProblemList();
  checkTime(message.issued_at, ['issued_at'], problems);
  checkTime(message.expires_at, ['expires_at'], problems);
  const [problem] = problems.problems;
  if (problem !== undefined) return refuseTrust('message-invalid', problem.message);
  const [issuedMs, expiresMs] = [toEpochMs(message.issued_at), toEpochMs(message.expires_at)];
  if (expiresMs <= issuedMs || expiresMs - issuedMs > TRUST_LIMITS.maxMessageLifetimeMs) {
    return refuseTrust('message-invalid', 'A message expires after it was written, within 180 days.');
  }
  if (issuedMs > nowMs + TRUST_LIMITS.maxClockSkewMs) {
    return refuseTrust(
      'message-from-future',
      `The message says it was written at ${message.issued_at}, which is not yet.`,
      {
        retryable: true,
        suggestion: 'Check the clocks of both computers.',
      },
    );
  }
  if (expiresMs <= nowMs) {
    return refuseTrust('message-expired', `The message expired at ${message.expires_at}.`, {
      suggestion: 'Ask the sender to send it again.',
    });
  }
  return { ok: true, value: message };
}

/**
 * Reads one message from outside: form, size, times, and its signature by the key it names. Whether that key is the one of
 * the party, and whether the message fits the handshake, is the handshake's business.
 */
export function readHandshakeMessage(value: unknown, ed25519: Ed25519, nowMs: number): TrustResult<HandshakeMessage> {
  const read = readForm(value);
  if (!read.ok) return read;
  const message = read.value;
  if (message.from.public_key === message.to.public_key || message.from.node_id === message.to.node_id) {
    return refuseTrust('wrongly-addressed', 'The message goes from a party to itself.');
  }
  if (!isSignedBy(message, message.from.public_key, ed25519)) {
    return refuseTrust('signature-wrong', 'The signature of the message does not hold: it was forged or changed.');
  }
  return checkTimes(message, nowMs);
}
