import { MessageTree } from '../../../protocol/conversation/branches';
import type { Conversation } from '../../../protocol/conversation/conversation';
import { snapshotText } from '../../../protocol/conversation/draft-rules';
import { fitMessages, type FittedMessages } from './context-window';
import { turnsOf } from './conversation-document';

/** What a question is asked with. */
export interface FitRequest {
  /** Null for a conversation that begins with the question. */
  readonly document: Conversation | null;
  readonly question: string;
  /** How many messages of the branch come before the question; absent: all. */
  readonly before?: number;
  /** The message the branch ends with; absent: the shown one. */
  readonly headId?: string;
  readonly contextLength: number | null;
  readonly maxNewTokens: number;
}

/**
 * The messages of a request: the branch in front of the question as far as it fits, and where it does not, the snapshot in
 * place of the early part, if there is one and this branch is what it covers.
 */
export function fitRequest(request: FitRequest): FittedMessages {
  const { document, question, before = Number.POSITIVE_INFINITY, headId = null, contextLength, maxNewTokens } = request;
  if (document === null) return fitMessages([], question, { contextLength, maxNewTokens, background: null });
  const branch = new MessageTree(document).branchTo(headId);
  const { context_snapshot: snapshot, handoff } = document;
  const isCovered = branch.slice(0, before).some(({ id }) => id === snapshot?.through_message_id);
  return fitMessages(turnsOf(document, branch, before), question, {
    contextLength,
    maxNewTokens,
    background: isCovered && snapshot !== null && snapshot !== undefined ? snapshotText(snapshot, handoff) : null,
  });
}
