import type { ChallengeQuota } from './discovery';
import type { HandshakeMessage } from './handshake-message';
import type { GovernanceMode } from './trust-fields';

/*
 * A handshake (tore-0002): two parties show each other what they can do, and each judges alone.
 *
 *   proposed ──join──▶ challenging ⇄ responded ──first decision──▶ decided ──second──▶ accepted
 *      │                    │             │                           │
 *      └────────────────────┴─────────────┴───────────────────────────┴──▶ rejected | withdrawn | expired
 *
 * A handshake is the two signed logs of its parties and nothing else. Messages cross on their way, so each carries how
 * many of the other party's messages its writer had read (`seen`), and is judged by what the writer could know. The state
 * is then a function of the two logs: whoever has the same messages sees the same state, in whatever order they came.
 */

export type Side = 'proposer' | 'responder';

/** One side, as its messages say it. */
export interface HandshakeParty {
  readonly nodeId: string;
  readonly name: string;
  readonly institution: string | null;
  /** Keys it used, the current one last; each is linked to the next. */
  readonly keys: readonly string[];
  /** Keys of its computers, as it named them last. */
  readonly memberKeys: readonly string[];
}

/** What a message did, without texts: those are kept by the parties alone. */
export type HandshakeStep =
  | { readonly kind: 'propose'; readonly quota: ChallengeQuota }
  | { readonly kind: 'join'; readonly quota: ChallengeQuota }
  | {
      readonly kind: 'challenge';
      readonly challengeId: string;
      readonly hash: string;
      readonly domain: string;
      readonly subdomain: string;
    }
  | { readonly kind: 'response'; readonly challengeId: string; readonly hash: string }
  | {
      readonly kind: 'decide';
      readonly decision: 'accept' | 'reject';
      readonly verdicts: Extract<HandshakeMessage['content'], { kind: 'decide' }>['verdicts'];
    }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'agreement'; readonly agreementId: string; readonly hash: string; readonly signatures: number }
  | { readonly kind: 'terminate'; readonly agreementId: string };

export interface HandshakeEntry {
  readonly seen: number;
  readonly issuedAtMs: number;
  /** SHA-256 of the canonical JSON of the whole message. */
  readonly hash: string;
  readonly step: HandshakeStep;
}

export interface Handshake {
  readonly id: string;
  readonly governanceMode: GovernanceMode;
  readonly expiresAtMs: number;
  readonly parties: Readonly<Record<Side, HandshakeParty>>;
  /** Messages of each side in the order of their `sequence`. */
  readonly log: Readonly<Record<Side, readonly HandshakeEntry[]>>;
}

export type HandshakePhase =
  'proposed' | 'challenging' | 'responded' | 'decided' | 'accepted' | 'rejected' | 'withdrawn' | 'expired';

/** Nothing but agreements follows these. */
export const FINAL_PHASES: readonly HandshakePhase[] = ['accepted', 'rejected', 'withdrawn', 'expired'];

export function otherSide(side: Side): Side {
  return side === 'proposer' ? 'responder' : 'proposer';
}

/** The current key of a party. */
export function keyOf(party: HandshakeParty): string {
  return party.keys.at(-1) ?? '';
}

/** The side a node is on, or null for somebody else. */
export function sideOf({ parties }: Pick<Handshake, 'parties'>, nodeId: string): Side | null {
  if (parties.proposer.nodeId === nodeId) return 'proposer';
  return parties.responder.nodeId === nodeId ? 'responder' : null;
}

type StepOf<Kind extends HandshakeStep['kind']> = Extract<HandshakeStep, { kind: Kind }>;

/** The steps of one kind in a log. */
export function stepsOf<Kind extends HandshakeStep['kind']>(
  entries: readonly HandshakeEntry[],
  kind: Kind,
): StepOf<Kind>[] {
  return entries.flatMap(({ step }) => (step.kind === kind ? [step as StepOf<Kind>] : []));
}

/** The decision of a side, if it has one: the first counts. */
export function decisionOf(entries: readonly HandshakeEntry[]): StepOf<'decide'> | null {
  return stepsOf(entries, 'decide')[0] ?? null;
}

/** Ids of challenges in `asked` that `answered` has no response to. */
function unanswered(asked: readonly HandshakeEntry[], answered: readonly HandshakeEntry[]): string[] {
  const ids = new Set(stepsOf(answered, 'response').map(({ challengeId }) => challengeId));
  return stepsOf(asked, 'challenge').flatMap(({ challengeId }) => (ids.has(challengeId) ? [] : [challengeId]));
}

/** Where a handshake stands at a time. */
export function handshakePhase(
  { log, expiresAtMs }: Pick<Handshake, 'log' | 'expiresAtMs'>,
  nowMs: number,
): HandshakePhase {
  const { proposer, responder } = log;
  const both = [...proposer, ...responder];
  // Its writer did not know of a decision of both sides, or it would have been refused: so it ends the handshake.
  if (both.some(({ step }) => step.kind === 'withdraw')) return 'withdrawn';
  const decisions = [decisionOf(proposer)?.decision, decisionOf(responder)?.decision];
  if (decisions.includes('reject')) return 'rejected';
  if (decisions.every((decision) => decision === 'accept')) return 'accepted';
  if (nowMs >= expiresAtMs) return 'expired';
  if (decisions.includes('accept')) return 'decided';
  if (stepsOf(responder, 'join').length === 0) return 'proposed';
  const asked = stepsOf(both, 'challenge').length;
  const open = unanswered(proposer, responder).length + unanswered(responder, proposer).length;
  return asked > 0 && open === 0 ? 'responded' : 'challenging';
}

/** Challenges a party may still send at a time. */
export function challengesLeft(quota: ChallengeQuota, sentAtMs: readonly number[], atMs: number): number {
  const since = atMs - quota.window_seconds * 1_000;
  return Math.max(0, quota.count - sentAtMs.filter((sentMs) => sentMs > since).length);
}

/** When a side sent its challenges. */
export function challengeTimes(entries: readonly HandshakeEntry[]): number[] {
  return entries.flatMap(({ step, issuedAtMs }) => (step.kind === 'challenge' ? [issuedAtMs] : []));
}

/** The quota a side has declared, or null before it joined. */
export function quotaOf(handshake: Pick<Handshake, 'log'>, side: Side): ChallengeQuota | null {
  for (const { step } of handshake.log[side]) {
    if (step.kind === 'propose' || step.kind === 'join') return step.quota;
  }
  return null;
}

/** How far one side is, for the line of steps. */
export interface SideProgress {
  readonly joined: boolean;
  readonly challengesSent: number;
  /** Challenges of the other side. */
  readonly challengesReceived: number;
  readonly challengesAnswered: number;
  readonly decision: 'accept' | 'reject' | null;
}

export function sideProgress({ log }: Pick<Handshake, 'log'>, side: Side): SideProgress {
  const [own, other] = [log[side], log[otherSide(side)]];
  const received = stepsOf(other, 'challenge').length;
  return {
    joined: own.length > 0,
    challengesSent: stepsOf(own, 'challenge').length,
    challengesReceived: received,
    challengesAnswered: received - unanswered(other, own).length,
    decision: decisionOf(own)?.decision ?? null,
  };
}
