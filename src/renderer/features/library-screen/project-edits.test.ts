import { expect, it } from 'vitest';
import type { ProjectView } from '../../../contract';
import { editsLeft, hasEdits, type ProjectEdits } from './project-edits';

const project: ProjectView = {
  id: 'p',
  name: 'Project',
  description: '',
  instructions: [{ id: 'i', title: '', content: 'Be kind' }],
  conversations: [],
  otherCount: 0,
  attachments: [],
  agreementRef: null,
  updatedAt: '2026-01-01T00:00:00Z',
};

it('has edits only where the project would become another one', () => {
  expect(hasEdits(project, {})).toBe(false);
  expect(hasEdits(project, { name: 'Project', instructions: [...project.instructions] })).toBe(false);
  expect(hasEdits(project, { description: 'About' })).toBe(true);
});

it('keeps what was edited while it was saved', () => {
  const saved: ProjectEdits = { name: 'New', instructions: [{ id: 'i', title: '', content: 'Be' }] };
  const more: ProjectEdits = {
    ...saved,
    instructions: [{ id: 'i', title: '', content: 'Be kind' }],
    agreementRef: null,
  };
  expect(editsLeft(saved, saved)).toEqual({});
  expect(editsLeft(more, saved)).toEqual({ instructions: more.instructions, agreementRef: null });
});
