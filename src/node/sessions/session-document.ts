import type { GroupSession } from '../../protocol/session/session';
import type { FollowedSession } from './followed-session';

/** A session as a tore-0003 document, from the copy on this computer: it works without a network and is signed by turn. */
export function sessionDocument(session: FollowedSession): GroupSession {
  const { head } = session;
  return {
    tore_spec: 'tore-0003',
    id: head.id,
    title: head.title,
    mode: head.mode,
    status: head.status,
    host: { coordinator_id: head.coordinator_id, url: session.hostUrl },
    ...(head.agreement_ref === null ? {} : { agreement_ref: head.agreement_ref }),
    created_at: head.created_at,
    updated_at: head.updated_at,
    participants: [...session.participants],
    turns: [...session.turns],
    metadata: {},
  };
}
