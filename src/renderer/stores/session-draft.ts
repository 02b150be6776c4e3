import { MAX_TURN_FILES, type TurnFile } from '../../contract';

/** What the next turn points to. */
export interface TurnTarget {
  readonly kind: 'reply' | 'edit';
  readonly turnId: string;
  readonly seq: number;
  readonly text: string;
}

/** A turn that was begun and not posted. */
export interface SessionDraft {
  readonly text: string;
  readonly files: readonly TurnFile[];
  readonly target: TurnTarget | null;
  /** What was being written when the edit of a turn began; it comes back when the edit ends. */
  readonly aside: SessionDraft | null;
}

export const EMPTY_DRAFT: SessionDraft = { text: '', files: [], target: null, aside: null };

/** Points a draft to a turn, or with null to none. An edit has the text of its turn and puts everything else aside. */
export function aimDraft(draft: SessionDraft, target: TurnTarget | null): SessionDraft {
  if (target?.kind === 'edit' && draft.target?.kind === 'edit' && draft.target.turnId === target.turnId) {
    return { ...draft, target };
  }
  const own = draft.aside ?? draft;
  if (target?.kind === 'edit') return { ...EMPTY_DRAFT, text: target.text, target, aside: own };
  // Without a target an edit goes back to what was written before it, which may be a reply.
  return target === null && draft.aside !== null ? own : { ...own, target };
}

/** What is left of a draft of which a state was posted: what was put aside, and what was changed meanwhile. */
export function draftAfterPost(draft: SessionDraft, posted: SessionDraft): SessionDraft {
  return draft === posted ? (draft.aside ?? EMPTY_DRAFT) : draft;
}

/** Adds files as far as a turn takes them; `leftOut` says how many it does not. */
export function withFiles(
  draft: SessionDraft,
  files: readonly TurnFile[],
): { readonly draft: SessionDraft; readonly leftOut: number } {
  const all = [...draft.files, ...files];
  return {
    draft: { ...draft, files: all.slice(0, MAX_TURN_FILES) },
    leftOut: Math.max(0, all.length - MAX_TURN_FILES),
  };
}
