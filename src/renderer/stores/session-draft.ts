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

/** What is left of a draft of which a state was posted: what was put aside, and what was added meanwhile. */
export function draftAfterPost(draft: SessionDraft, posted: SessionDraft): SessionDraft {
  const left = posted.aside ?? EMPTY_DRAFT;
  if (draft === posted) return left;
  // An edit was begun meanwhile.
  if (draft.aside === posted) return { ...draft, aside: left };
  // An edit was given up meanwhile: what is there now was put aside, and not posted.
  if (draft.aside !== posted.aside) return draft;
  const text = draft.text.startsWith(posted.text) ? draft.text.slice(posted.text.length) : draft.text;
  const files = draft.files.filter((file) => !posted.files.includes(file));
  if (posted.aside !== null) return { ...left, text: left.text + text, files: [...left.files, ...files] };
  return { text, files, target: draft.target === posted.target ? null : draft.target, aside: null };
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
