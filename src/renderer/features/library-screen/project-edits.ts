import type { ProjectView } from '../../../contract';

/** What a person changed in the form of a project and main does not have yet. Everything else follows main. */
export type ProjectEdits = Partial<
  Pick<ProjectView, 'name' | 'description' | 'instructions' | 'conversations' | 'agreementRef'>
>;

/** Whether the edits make the project another one. */
export function hasEdits(project: ProjectView, edits: ProjectEdits): boolean {
  return JSON.stringify({ ...project, ...edits }) !== JSON.stringify(project);
}

/** The edits that are left after some were saved: those made while they were. */
export function editsLeft(edits: ProjectEdits, saved: ProjectEdits): ProjectEdits {
  const before = new Map<string, unknown>(Object.entries(saved));
  return Object.fromEntries(Object.entries(edits).filter(([field, value]) => before.get(field) !== value));
}
