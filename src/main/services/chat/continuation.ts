import { MessageTree } from '../../../protocol/conversation/branches';
import type { ContextSnapshot, Conversation, Handoff } from '../../../protocol/conversation/conversation';

/** Where a conversation goes on, and what the next model is told. */
export interface Continuation {
  readonly id: string;
  /** A message of the branch to go on from; null is the shown one. */
  readonly through: string | null;
  readonly handoff: Handoff;
  readonly snapshot: ContextSnapshot | null;
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
