import type { GroupSession, SessionParticipant, Turn } from '../../protocol/session/session';
import type { SessionHead } from '../../protocol/wire/session-messages';

/** Which part of a session is asked for. */
export interface PageRequest {
  readonly afterSeq: number;
  readonly limit: number | undefined;
  /** Where the session is read, for the document. */
  readonly url: string;
}

/** Part of a session for export. */
export interface ExportPage {
  readonly session: GroupSession;
  readonly last_seq: number;
  /** What `after_seq` gives the next page; null at the end. */
  readonly next: number | null;
}

/** A page of turns as a document. */
export function exportPageOf(
  head: SessionHead,
  participants: SessionParticipant[],
  turns: Turn[],
  { afterSeq, url }: PageRequest,
): ExportPage {
  const { id, title, mode, status, coordinator_id, agreement_ref, created_at, updated_at, last_seq } = head;
  const reached = turns.at(-1)?.seq ?? afterSeq;
  return {
    session: {
      tore_spec: 'tore-0003',
      id,
      title,
      mode,
      status,
      host: { coordinator_id, url },
      ...(agreement_ref === null ? {} : { agreement_ref }),
      created_at,
      updated_at,
      participants,
      turns,
      metadata: {},
    },
    last_seq: Math.max(last_seq, reached),
    next: reached < last_seq ? reached : null,
  };
}
