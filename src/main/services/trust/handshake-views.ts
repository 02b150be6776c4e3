import type {
  ChallengeView,
  HandshakeEvent,
  HandshakePartyView,
  HandshakeSummary,
  HandshakeView,
} from '../../../contract/trust';
import { nodeCryptography } from '../../../keys/ed25519';
import {
  challengesLeft,
  challengeTimes,
  decisionOf,
  handshakePhase,
  keyOf,
  otherSide,
  quotaOf,
  sideProgress,
  stepsOf,
  type Handshake,
  type Side,
} from '../../../protocol/trust/handshake';
import type { HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { isoTime } from '../timers';
import type { KeptHandshake } from './handshake-book';
import type { HandshakeFile } from './trust-folder';

const SIDES: readonly Side[] = ['proposer', 'responder'];

function partyView(state: Handshake, side: Side): HandshakePartyView {
  const party = state.parties[side];
  return {
    nodeId: party.nodeId,
    name: party.name,
    institution: party.institution,
    keyId: nodeCryptography.keyIdOf(keyOf(party)),
    progress: sideProgress(state, side),
  };
}

/** Whether the own side has something to do: join, answer, or decide. */
function needsAction({ state, file }: KeptHandshake, nowMs: number): boolean {
  const phase = handshakePhase(state, nowMs);
  const [own, other] = [state.log[file.ownSide], state.log[otherSide(file.ownSide)]];
  if (phase === 'proposed') return file.ownSide === 'responder';
  if (phase === 'accepted') return needsSignature(file);
  if (!['challenging', 'responded', 'decided'].includes(phase)) return false;
  const progress = sideProgress(state, file.ownSide);
  if (progress.challengesAnswered < progress.challengesReceived) return true;
  const hasAllAnswers = stepsOf(other, 'response').length === progress.challengesSent;
  return decisionOf(own) === null && progress.challengesSent > 0 && hasAllAnswers;
}

/** The other side has signed an agreement this side has not. */
function needsSignature(file: HandshakeFile): boolean {
  const signed = (messages: readonly HandshakeMessage[]): Set<string> =>
    new Set(messages.flatMap(({ content }) => (content.kind === 'agreement' ? [content.agreement.id] : [])));
  const own = signed(file[file.ownSide]);
  return [...signed(file[otherSide(file.ownSide)])].some((id) => !own.has(id));
}

/** One line of the inbox. */
export function handshakeSummary(kept: KeptHandshake, nowMs: number): HandshakeSummary {
  const { state, file } = kept;
  const proposal = file.proposer[0]?.content;
  return {
    id: state.id,
    ownSide: file.ownSide,
    phase: handshakePhase(state, nowMs),
    own: partyView(state, file.ownSide),
    other: partyView(state, otherSide(file.ownSide)),
    purpose: proposal?.kind === 'propose' ? proposal.purpose : '',
    governanceMode: state.governanceMode,
    expiresAt: isoTime(state.expiresAtMs),
    updatedAt: file.updatedAt,
    unread: file[otherSide(file.ownSide)].length - file.readThrough,
    needsAction: needsAction(kept, nowMs),
  };
}

/** What is kept under an id of the other side's choice, which may be the name of something every object has. */
function ownValue<Value>(values: Readonly<Record<string, Value>>, id: string): Value | undefined {
  return Object.hasOwn(values, id) ? values[id] : undefined;
}

function challengeViews(file: HandshakeFile): ChallengeView[] {
  const responses = new Map(
    SIDES.flatMap((side) =>
      file[side].flatMap((message) =>
        message.content.kind === 'response'
          ? [
              [
                message.content.response.challenge_id,
                { ...message.content.response, sentAt: message.issued_at },
              ] as const,
            ]
          : [],
      ),
    ),
  );
  const views = SIDES.flatMap((by) =>
    file[by].flatMap((message): ChallengeView[] => {
      if (message.content.kind !== 'challenge') return [];
      const { challenge } = message.content;
      const response = responses.get(challenge.id);
      return [
        {
          id: challenge.id,
          by,
          domain: challenge.domain,
          subdomain: challenge.subdomain,
          form: challenge.form,
          prompt: challenge.prompt,
          modelId: challenge.model_id ?? null,
          maxNewTokens: challenge.max_new_tokens ?? null,
          sentAt: message.issued_at,
          response:
            response === undefined
              ? null
              : {
                  author: response.author,
                  modelId: response.model_id ?? null,
                  text: response.text,
                  sentAt: response.sentAt,
                },
          verdict: ownValue(file.verdicts, challenge.id) ?? null,
          note: ownValue(file.notes, challenge.id) ?? '',
        },
      ];
    }),
  );
  return views.sort((left, right) => left.sentAt.localeCompare(right.sentAt));
}

function detailOf({ content }: HandshakeMessage): string {
  switch (content.kind) {
    case 'propose':
      return content.purpose;
    case 'join':
      return content.note ?? '';
    case 'challenge':
      return content.challenge.prompt;
    case 'response':
      return content.response.text;
    case 'decide':
      return content.decision;
    case 'withdraw':
      return content.reason ?? '';
    case 'agreement':
      return content.agreement.terms.purpose;
    case 'terminate':
      return content.notice.reason ?? '';
  }
}

function historyOf(file: HandshakeFile): HandshakeEvent[] {
  return SIDES.flatMap((by) =>
    file[by].map((message) => ({ at: message.issued_at, by, kind: message.content.kind, detail: detailOf(message) })),
  ).sort((left, right) => left.at.localeCompare(right.at));
}

/** Everything about one handshake. */
export function handshakeView(kept: KeptHandshake, nowMs: number): HandshakeView {
  const { state, file } = kept;
  const quota = quotaOf(state, otherSide(file.ownSide));
  const reasons = SIDES.flatMap((by) =>
    file[by].flatMap(({ content }) => {
      const text = content.kind === 'decide' || content.kind === 'withdraw' ? content.reason : null;
      return typeof text === 'string' && text !== '' ? [{ by, text }] : [];
    }),
  );
  const agreementIds = SIDES.flatMap((side) => stepsOf(state.log[side], 'agreement').map((step) => step.agreementId));
  return {
    ...handshakeSummary(kept, nowMs),
    challenges: challengeViews(file),
    note: file.note,
    history: historyOf(file),
    challengesLeft: quota === null ? 0 : challengesLeft(quota, challengeTimes(state.log[file.ownSide]), nowMs),
    unsent: file[file.ownSide].length - file.sentThrough,
    reasons,
    agreementIds: [...new Set(agreementIds)],
  };
}
