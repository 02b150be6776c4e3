import type { ChatDelta, ChatEntry, ConversationView } from '../../contract';

type Answer = Extract<ChatEntry, { role: 'assistant' }>;

export type DeltaOutcome =
  | { readonly kind: 'applied'; readonly view: ConversationView }
  /** The text already holds this part. */
  | { readonly kind: 'stale' }
  /** Text before this part never arrived, or the answer is unknown. */
  | { readonly kind: 'gap' };

function findAnswer(view: ConversationView, entryId: string): Answer | null {
  const entry = view.entries.find(({ id }) => id === entryId);
  return entry?.role === 'assistant' ? entry : null;
}

/** Appends text that arrived to its answer; an answer that waited is streaming from then on. */
export function applyDelta(view: ConversationView, delta: ChatDelta): DeltaOutcome {
  const answer = findAnswer(view, delta.entryId);
  if (answer === null || delta.offset > answer.text.length) return { kind: 'gap' };
  const fresh = delta.text.slice(answer.text.length - delta.offset);
  if (fresh === '') return { kind: 'stale' };
  const grown: Answer = {
    ...answer,
    text: answer.text + fresh,
    state: answer.state.kind === 'waiting' ? { kind: 'streaming' } : answer.state,
  };
  return {
    kind: 'applied',
    view: { ...view, entries: view.entries.map((entry) => (entry.id === grown.id ? grown : entry)) },
  };
}

/** The answer that is being written, if any. */
export function answerInProgress(view: ConversationView | null): Answer | null {
  const last = view?.entries.findLast((entry): entry is Answer => entry.role === 'assistant');
  return last !== undefined && (last.state.kind === 'waiting' || last.state.kind === 'streaming') ? last : null;
}
