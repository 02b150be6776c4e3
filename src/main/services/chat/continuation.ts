import { MessageTree } from '../../../protocol/conversation/branches';
import type { ContextSnapshot, Conversation, Handoff } from '../../../protocol/conversation/conversation';
import { ProblemList } from '../../../protocol/documents/problems';
import { checkTime } from '../../../protocol/documents/time';

/** Where a conversation goes on, and what the next model is told. */
export interface Continuation {
  readonly id: string;
  /** A message of the branch to go on from; null is the shown one. */
  readonly through: string | null;
  readonly handoff: Handoff;
  readonly snapshot: ContextSnapshot | null;
}

/** Whether what a continuation names is in the conversation, and its times are: else its file could not be read again. */
export function belongsTo(document: Conversation, { through, handoff, snapshot }: Continuation): boolean {
  const ids = new Set(document.messages.map(({ id }) => id));
  const problems = new ProblemList();
  checkTime(handoff.created_at, [], problems);
  checkTime(snapshot?.created_at, [], problems);
  return (
    problems.problems.length === 0 &&
    (through === null || ids.has(through)) &&
    (snapshot === null || ids.has(snapshot.through_message_id))
  );
}

/** A conversation prepared to go on elsewhere; an earlier handoff is kept with its metadata. */
export function continuedDocument(document: Conversation, continuation: Continuation, now: string): Conversation {
  const { through, handoff, snapshot } = continuation;
  const head = through === null ? document.head : new MessageTree(document).leafUnder(through);
  const { handoff: earlier, context_snapshot: _snapshot, ...rest } = document;
  const kept = document.metadata?.['earlier_handoffs'];
  return {
    ...rest,
    ...(head === undefined ? {} : { head }),
    handoff,
    ...(snapshot === null ? {} : { context_snapshot: snapshot }),
    updated_at: now,
    metadata:
      earlier === undefined || earlier === null
        ? { ...document.metadata }
        : { ...document.metadata, earlier_handoffs: [...(Array.isArray(kept) ? kept : []), earlier] },
  };
}
