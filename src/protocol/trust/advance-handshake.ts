import { toEpochMs } from '../documents/time';
import type { Cryptography } from '../signing/ed25519';
import { checkAgreementFits } from './agreement-of-handshake';
import { refuseTrust, type TrustFailure, type TrustResult } from './errors';
import {
  challengesLeft,
  challengeTimes,
  decisionOf,
  FINAL_PHASES,
  handshakePhase,
  keyOf,
  otherSide,
  quotaOf,
  sideOf,
  stepsOf,
  type Handshake,
  type HandshakeEntry,
  type HandshakeParty,
  type HandshakeStep,
  type Side,
} from './handshake';
import type { HandshakeContent, HandshakeMessage } from './handshake-message';
import { followKeyLinks } from './key-link';
import { hashOf } from './statement';
import { readTermination } from './termination';
import { TRUST_LIMITS } from './trust-limits';

/** What is known beside the handshake itself. */
export interface HandshakeSurroundings {
  /** When the sender sent challenges to the same party in other handshakes; they count against the same quota. */
  readonly otherChallengesMs?: readonly number[];
}

type ContentOf<Kind extends HandshakeContent['kind']> = Extract<HandshakeContent, { kind: Kind }>;
type Refusal = { readonly ok: false; readonly error: TrustFailure };

/** What the writer of a message could know: its own log, and the other's up to what it had seen. */
interface View {
  readonly side: Side;
  readonly own: readonly HandshakeEntry[];
  readonly other: readonly HandshakeEntry[];
  readonly handshake: Pick<Handshake, 'log' | 'expiresAtMs'>;
  readonly atMs: number;
}

function begin(message: HandshakeMessage): TrustResult<Handshake> {
  const { content, from, to } = message;
  if (content.kind !== 'propose') {
    return refuseTrust('handshake-unknown', 'The message belongs to a handshake that is not known here.', {
      retryable: true,
    });
  }
  if (message.sequence !== 1 || message.seen !== 0) {
    return refuseTrust('message-invalid', 'A proposal is the first message of a handshake.');
  }
  const expiresAtMs = toEpochMs(content.handshake_expires_at);
  const lifetimeMs = expiresAtMs - toEpochMs(message.issued_at);
  if (!(lifetimeMs > 0 && lifetimeMs <= TRUST_LIMITS.maxHandshakeLifetimeMs)) {
    return refuseTrust('message-invalid', 'A handshake expires after it was proposed, within 180 days.');
  }
  return {
    ok: true,
    value: {
      id: message.handshake_id,
      governanceMode: content.governance_mode,
      expiresAtMs,
      parties: {
        proposer: {
          nodeId: from.node_id,
          name: from.name,
          institution: from.institution ?? null,
          keys: [from.public_key],
          memberKeys: from.member_keys ?? [],
        },
        responder: { nodeId: to.node_id, name: '', institution: null, keys: [to.public_key], memberKeys: [] },
      },
      log: { proposer: [], responder: [] },
    },
  };
}

/** The sender as it is after this message: it may use a new key that links from the known one, and tell its name. */
function senderOf(
  party: HandshakeParty,
  message: HandshakeMessage,
  cryptography: Cryptography,
): TrustResult<HandshakeParty> {
  const { from } = message;
  const known = keyOf(party);
  const named = {
    ...party,
    name: from.name,
    institution: from.institution ?? null,
    memberKeys: from.member_keys ?? [],
  };
  if (from.public_key === known) return { ok: true, value: named };
  if (party.keys.includes(from.public_key)) {
    return refuseTrust('key-replaced', 'The message is signed with a key its party has replaced.');
  }
  const links = message.key_links ?? [];
  const followed = followKeyLinks({ nodeId: party.nodeId, publicKey: known }, links, cryptography);
  if (!followed.ok) return followed;
  if (followed.value.publicKey !== from.public_key) {
    return refuseTrust('signature-wrong', 'The message is not signed with the key of the party it says it is from.');
  }
  return { ok: true, value: { ...named, keys: [...party.keys, from.public_key] } };
}

function checkOrder(handshake: Handshake, side: Side, message: HandshakeMessage, hash: string): Refusal | null {
  const [own, other] = [handshake.log[side], handshake.log[otherSide(side)]];
  const known = own[message.sequence - 1];
  if (known !== undefined) {
    return known.hash === hash
      ? refuseTrust('message-replayed', 'This message was received already.')
      : refuseTrust('message-conflict', `Another message with the number ${message.sequence} was received before.`);
  }
  if (message.sequence > own.length + 1 || message.seen > other.length) {
    return refuseTrust('message-early', 'An earlier message of this handshake has not arrived yet.', {
      retryable: true,
    });
  }
  const last = own.at(-1);
  if (last === undefined) return null;
  if (message.seen < last.seen)
    return refuseTrust('message-invalid', 'The message has seen less than the one before it.');
  return toEpochMs(message.issued_at) < last.issuedAtMs
    ? refuseTrust('message-invalid', 'The message is older than the one before it.')
    : null;
}

function checkOpen(view: View): Refusal | null {
  const phase = handshakePhase(view.handshake, view.atMs);
  if (phase === 'expired') return refuseTrust('handshake-expired', 'The handshake has expired.');
  if (FINAL_PHASES.includes(phase)) return refuseTrust('handshake-over', `The handshake is over: it was ${phase}.`);
  return phase === 'proposed' ? refuseTrust('not-allowed', 'The other party has not joined the handshake yet.') : null;
}

/** Joining and withdrawing are possible before the other party has joined. */
function checkUnfinished(view: View): Refusal | null {
  const refused = checkOpen(view);
  return refused?.error.code === 'not-allowed' ? null : refused;
}

function takeJoin(view: View, { quota }: ContentOf<'join'>): TrustResult<HandshakeStep> {
  const refused = checkUnfinished(view);
  if (refused !== null) return refused;
  if (view.side === 'proposer' || view.own.length > 0) {
    return refuseTrust('not-allowed', 'Only the invited party joins a handshake, and once.');
  }
  return { ok: true, value: { kind: 'join', quota } };
}

function takeChallenge(
  view: View,
  { challenge }: ContentOf<'challenge'>,
  hash: string,
  otherChallengesMs: readonly number[],
): TrustResult<HandshakeStep> {
  const refused = checkOpen(view);
  if (refused !== null) return refused;
  if (decisionOf(view.own) !== null) {
    return refuseTrust('not-allowed', 'A party that has decided sends no further challenges.');
  }
  const sent = stepsOf(view.own, 'challenge');
  const quota = quotaOf(view.handshake, otherSide(view.side));
  const times = [...challengeTimes(view.own), ...otherChallengesMs];
  const isOver = sent.length >= TRUST_LIMITS.maxChallengesPerSide;
  if (quota === null || isOver || challengesLeft(quota, times, view.atMs) === 0) {
    const limit = quota === null ? 'none' : `${quota.count} in ${quota.window_seconds} s`;
    return refuseTrust('quota-exceeded', `The other party takes no more challenges now (its quota: ${limit}).`, {
      retryable: !isOver,
      suggestion: 'Wait until its time window has moved on.',
    });
  }
  if ([...sent, ...stepsOf(view.other, 'challenge')].some(({ challengeId }) => challengeId === challenge.id)) {
    return refuseTrust('message-invalid', 'A challenge with this id was sent before.');
  }
  const isCompute = challenge.form === 'compute';
  if (isCompute && (typeof challenge.model_id !== 'string' || typeof challenge.max_new_tokens !== 'number')) {
    return refuseTrust('message-invalid', 'A compute challenge names a model and how many tokens it shall write.');
  }
  const { id: challengeId, domain, subdomain } = challenge;
  return { ok: true, value: { kind: 'challenge', challengeId, hash, domain, subdomain } };
}

function takeResponse(view: View, { response }: ContentOf<'response'>, hash: string): TrustResult<HandshakeStep> {
  const refused = checkOpen(view);
  if (refused !== null) return refused;
  const { challenge_id: challengeId } = response;
  const challenge = stepsOf(view.other, 'challenge').find((asked) => asked.challengeId === challengeId);
  if (challenge === undefined) {
    return refuseTrust('challenge-unknown', 'The response is to a challenge the other party did not send.');
  }
  if (stepsOf(view.own, 'response').some((given) => given.challengeId === challengeId)) {
    return refuseTrust('challenge-answered', 'This challenge was answered already.');
  }
  if (challenge.hash !== response.challenge_hash) {
    return refuseTrust('hash-mismatch', 'The response is to another text than the challenge that was sent.');
  }
  return { ok: true, value: { kind: 'response', challengeId, hash } };
}

function takeDecision(view: View, content: ContentOf<'decide'>): TrustResult<HandshakeStep> {
  const refused = checkOpen(view);
  if (refused !== null) return refused;
  if (decisionOf(view.own) !== null) return refuseTrust('not-allowed', 'This party has decided already.');
  const challenges = stepsOf(view.own, 'challenge');
  const responses = new Map(stepsOf(view.other, 'response').map((given) => [given.challengeId, given.hash]));
  const judged = new Set<string>();
  for (const verdict of content.verdicts) {
    const challenge = challenges.find(({ challengeId }) => challengeId === verdict.challenge_id);
    if (challenge === undefined || judged.has(verdict.challenge_id)) {
      return refuseTrust('challenge-unknown', 'A verdict is about a challenge this party did not send, or came twice.');
    }
    const fits =
      challenge.hash === verdict.challenge_hash && responses.get(verdict.challenge_id) === verdict.response_hash;
    if (!fits) return refuseTrust('hash-mismatch', 'A verdict is about another challenge or another answer.');
    judged.add(verdict.challenge_id);
  }
  if (content.decision === 'accept' && judged.size < challenges.length) {
    return refuseTrust(
      'verdicts-incomplete',
      'A party accepts after it has judged the answers to all its challenges.',
      {
        suggestion: 'Wait for the missing answers, or reject.',
      },
    );
  }
  return { ok: true, value: { kind: 'decide', decision: content.decision, verdicts: content.verdicts } };
}

function takeAgreement(
  handshake: Handshake,
  view: View,
  { agreement }: ContentOf<'agreement'>,
  cryptography: Cryptography,
): TrustResult<HandshakeStep> {
  if (handshakePhase(view.handshake, view.atMs) !== 'accepted') {
    return refuseTrust('not-allowed', 'An agreement follows when both parties have accepted.');
  }
  const fits = checkAgreementFits(handshake, agreement, view.side, cryptography);
  if (!fits.ok) return fits;
  const { hash, signatures } = fits.value;
  return { ok: true, value: { kind: 'agreement', agreementId: agreement.id, hash, signatures } };
}

function takeTermination(
  view: View,
  party: HandshakeParty,
  { notice }: ContentOf<'terminate'>,
  cryptography: Cryptography,
): TrustResult<HandshakeStep> {
  const read = readTermination(notice, cryptography);
  if (!read.ok) return read;
  const isOwn = notice.party.node_id === party.nodeId && party.keys.includes(notice.party.public_key);
  if (!isOwn) return refuseTrust('wrongly-addressed', 'A party ends an agreement in its own name only.');
  const agreements = stepsOf([...view.own, ...view.other], 'agreement');
  const known = agreements.some(
    ({ agreementId, hash }) => agreementId === notice.agreement_id && hash === notice.agreement_hash,
  );
  return known
    ? { ok: true, value: { kind: 'terminate', agreementId: notice.agreement_id } }
    : refuseTrust('agreement-foreign', 'The termination is of an agreement that was not made here.');
}

function takeContent(
  handshake: Handshake,
  view: View,
  content: HandshakeContent,
  cryptography: Cryptography,
  otherChallengesMs: readonly number[],
): TrustResult<HandshakeStep> {
  switch (content.kind) {
    case 'propose':
      return view.own.length === 0 && view.side === 'proposer'
        ? { ok: true, value: { kind: 'propose', quota: content.quota } }
        : refuseTrust('handshake-known', 'A handshake is proposed once.');
    case 'join':
      return takeJoin(view, content);
    case 'challenge': {
      const hash = hashOf(content.challenge, cryptography);
      return hash.ok ? takeChallenge(view, content, hash.value, otherChallengesMs) : hash;
    }
    case 'response': {
      const hash = hashOf(content.response, cryptography);
      return hash.ok ? takeResponse(view, content, hash.value) : hash;
    }
    case 'decide':
      return takeDecision(view, content);
    case 'withdraw':
      return checkUnfinished(view) ?? { ok: true, value: { kind: 'withdraw' } };
    case 'agreement':
      return takeAgreement(handshake, view, content, cryptography);
    case 'terminate':
      return takeTermination(view, handshake.parties[view.side], content, cryptography);
  }
}

/**
 * Takes one message, read and verified by `readHandshakeMessage`, into a handshake. Pure: the result depends on the
 * arguments alone.
 *
 * @param handshake - null for a message whose handshake is not known; only a proposal is taken then
 * @returns the handshake with the message in it, or the reason why it is refused; `message-early` may be tried again
 */
export function advanceHandshake(
  handshake: Handshake | null,
  message: HandshakeMessage,
  cryptography: Cryptography,
  { otherChallengesMs = [] }: HandshakeSurroundings = {},
): TrustResult<Handshake> {
  const begun = handshake === null ? begin(message) : { ok: true as const, value: handshake };
  if (!begun.ok) return begun;
  const current = begun.value;
  const side = sideOf(current, message.from.node_id);
  const receiver = side === null ? null : current.parties[otherSide(side)];
  const isForBoth =
    receiver?.nodeId === message.to.node_id &&
    receiver.keys.includes(message.to.public_key) &&
    message.handshake_id === current.id;
  if (side === null || !isForBoth) {
    return refuseTrust('wrongly-addressed', 'The message is not between the two parties of this handshake.');
  }
  const sender = senderOf(current.parties[side], message, cryptography);
  if (!sender.ok) return sender;
  const hash = hashOf(message, cryptography);
  if (!hash.ok) return hash;
  const misplaced = checkOrder(current, side, message, hash.value);
  if (misplaced !== null) return misplaced;
  const atMs = toEpochMs(message.issued_at);
  const [own, other] = [current.log[side], current.log[otherSide(side)].slice(0, message.seen)];
  const log = { [side]: own, [otherSide(side)]: other } as Handshake['log'];
  const view: View = { side, own, other, handshake: { log, expiresAtMs: current.expiresAtMs }, atMs };
  const withSender = { ...current, parties: { ...current.parties, [side]: sender.value } };
  const step = takeContent(withSender, view, message.content, cryptography, otherChallengesMs);
  if (!step.ok) return step;
  const entry: HandshakeEntry = { seen: message.seen, issuedAtMs: atMs, hash: hash.value, step: step.value };
  return { ok: true, value: { ...withSender, log: { ...current.log, [side]: [...own, entry] } } };
}
