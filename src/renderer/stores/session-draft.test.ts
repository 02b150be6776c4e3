import { describe, expect, it } from 'vitest';
import { MAX_TURN_FILES } from '../../contract';
import { aimDraft, draftAfterPost, EMPTY_DRAFT, withFiles, type SessionDraft, type TurnTarget } from './session-draft';

const file = { name: 'a.txt', mediaType: 'text/plain', text: 'a' };
const reply: TurnTarget = { kind: 'reply', turnId: 't-1', seq: 1, text: 'First' };
const edit: TurnTarget = { kind: 'edit', turnId: 't-2', seq: 2, text: 'Second' };
const written: SessionDraft = { text: 'A long message', files: [file], target: reply, aside: null };

describe('a turn that is being written', () => {
  it('is put aside by an edit and comes back when that is given up', () => {
    const editing = aimDraft(written, edit);
    expect(editing).toMatchObject({ text: 'Second', files: [], target: edit });
    expect(aimDraft({ ...editing, text: 'Second, changed' }, null)).toEqual(written);
  });

  it('comes back when the edit is posted', () => {
    const editing = { ...aimDraft(written, edit), text: 'Second, changed' };
    expect(draftAfterPost(editing, editing)).toEqual(written);
  });

  it('stays aside over an edit of another turn, and becomes a reply instead of an edit', () => {
    const editing = aimDraft(written, edit);
    const other = { ...edit, turnId: 't-3', text: 'Third' };
    expect(aimDraft(aimDraft(editing, other), null)).toEqual(written);
    const next = { ...reply, turnId: 't-4' };
    expect(aimDraft(editing, next)).toEqual({ ...written, target: next });
  });

  it('keeps the changes of an edit that is begun again', () => {
    const editing = { ...aimDraft(written, edit), text: 'Second, changed' };
    expect(aimDraft(editing, edit)).toEqual(editing);
  });

  it('keeps its text as a reply and as none', () => {
    const replying = aimDraft({ ...EMPTY_DRAFT, text: 'Yes' }, reply);
    expect(replying).toMatchObject({ text: 'Yes', target: reply });
    expect(aimDraft(replying, null)).toMatchObject({ text: 'Yes', target: null });
  });

  it('is empty once it is posted, but for what was added meanwhile', () => {
    expect(draftAfterPost(written, written)).toEqual(EMPTY_DRAFT);
    const next = { ...EMPTY_DRAFT, text: 'The next one' };
    expect(draftAfterPost(next, written)).toEqual(next);
    const other = { ...file, name: 'b.txt' };
    const more = { ...written, text: `${written.text}, and more`, files: [file, other] };
    expect(draftAfterPost(more, written)).toEqual({ ...EMPTY_DRAFT, text: ', and more', files: [other] });
    expect(draftAfterPost({ ...written, target: { ...reply, turnId: 't-5' } }, written)).toEqual({
      ...EMPTY_DRAFT,
      target: { ...reply, turnId: 't-5' },
    });
  });

  it('is not posted twice where an edit begins or ends meanwhile', () => {
    expect(draftAfterPost(aimDraft(written, edit), written)).toEqual(aimDraft(EMPTY_DRAFT, edit));
    const editing = aimDraft(written, edit);
    expect(draftAfterPost(aimDraft(editing, null), editing)).toEqual(written);
    const typedOn = { ...editing, text: `${editing.text}!` };
    expect(draftAfterPost(typedOn, editing)).toEqual({ ...written, text: `${written.text}!` });
  });

  it('takes a number of files and says how many it does not take', () => {
    const many = Array.from({ length: MAX_TURN_FILES }, (_, index) => ({ ...file, name: `${String(index)}.txt` }));
    const { draft, leftOut } = withFiles(written, many);
    expect(draft.files).toHaveLength(MAX_TURN_FILES);
    expect(draft.files[0]).toBe(file);
    expect(leftOut).toBe(1);
    expect(withFiles(EMPTY_DRAFT, many).leftOut).toBe(0);
  });
});
