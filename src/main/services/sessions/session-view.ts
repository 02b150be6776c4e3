import type { OwnModelState, SessionState, SessionSummary } from '../../../contract/sessions';
import type { FollowedSession } from '../../../node';
import { withoutFileBytes } from './turn-files';

/** A session as a line of the list. */
export function summaryOf(session: FollowedSession): SessionSummary {
  const { head, turns } = session;
  return {
    id: session.id,
    title: head.title,
    mode: head.mode,
    status: head.status,
    role: session.me?.role ?? 'observer',
    participants: session.participants.filter(({ left_at: left }) => left === undefined || left === null).length,
    turns: turns.length,
    unread: Math.max(0, turns.length - session.readSeq),
    waiting: session.waiting.length + session.refused.length,
    link: session.link,
    ended: session.ended,
    updatedAt: turns.at(-1)?.created_at ?? head.updated_at,
  };
}

/** A session without its turns. */
export function stateOf(session: FollowedSession, ownModel: OwnModelState): SessionState {
  return {
    head: session.head,
    participantId: session.participantId,
    participants: session.participants,
    present: session.present,
    link: session.link,
    ended: session.ended,
    waiting: withoutFileBytes(session.waiting),
    refused: session.refused.map((each) => ({ ...each, turn: withoutFileBytes([each.turn])[0] ?? each.turn })),
    unverified: [...session.unverified],
    conflict: session.conflict,
    agreement: session.agreement,
    streams: [...session.streams.values()],
    ownModel,
    readSeq: session.readSeq,
  };
}
