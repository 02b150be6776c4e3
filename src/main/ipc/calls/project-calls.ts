import { success } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import { fetchAttachment, type FetchAddress } from '../../services/library/fetch-attachment';
import type { LibraryFeature } from '../../services/library/start-library';
import { instructionsOf, projectViewOf } from '../../services/library/project-views';
import type { CallRegistry } from '../call-registry';

export interface ProjectCallDependencies {
  readonly library: LibraryFeature;
  /** Opens the system's dialog; empty when it was closed. */
  readonly chooseFiles: () => Promise<readonly string[]>;
  readonly fetchAddress: FetchAddress;
}

/** The calls of a project's screen. */
export function registerProjectCalls(
  calls: CallRegistry,
  { library, chooseFiles, fetchAddress }: ProjectCallDependencies,
): void {
  const { access, exports } = library;
  calls.registerCall('project:get', async ({ id }) => {
    const found = await access.call('project', { id });
    return found.ok ? success(projectViewOf(found.value)) : found;
  });
  calls.registerCall('project:create', async (input) => {
    const created = await access.call('createProject', input);
    if (created.ok) library.changed();
    return created;
  });
  calls.registerCall('project:save', async ({ instructions, ...changes }) => {
    const found = await access.call('project', { id: changes.id });
    if (!found.ok) return found;
    const saved = await access.call('changeProject', {
      ...changes,
      instructions: instructionsOf(found.value, instructions),
    });
    if (saved.ok) library.changed();
    return saved;
  });
  calls.registerCall('project:add-files', async ({ id }) => {
    for (const path of await chooseFiles()) {
      const added = await access.call('addProjectFile', { id, path });
      if (!added.ok) return added;
      library.changed();
    }
    return success(null);
  });
  calls.registerCall('project:fetch-file', async ({ id, attachmentId }) => {
    const found = await access.call('project', { id });
    if (!found.ok) return found;
    const attachment = found.value.attachments.find((each) => each.id === attachmentId);
    if (attachment === undefined) return mainFailure('fetch-failed', 'This file is not there any more.');
    const fetched = await fetchAttachment(attachment, fetchAddress);
    if (!fetched.ok) return fetched;
    const stored = await access.call('storeProjectFile', { id, attachmentId, content: fetched.value });
    if (stored.ok) library.changed();
    return stored;
  });
  calls.registerCall('project:remove-file', async (input) => {
    const removed = await access.call('removeProjectFile', input);
    if (removed.ok) library.changed();
    return removed;
  });
  calls.registerCall('project:merge', async (input) => {
    const merged = await access.call('mergeProjects', input);
    if (merged.ok) library.changed();
    return merged;
  });
  calls.registerCall('project:export', ({ id }) => exports.project(id));
  calls.registerCall('project:set-deleted', async (input) => {
    const changed = await access.call('deleteProject', input);
    if (changed.ok) library.changed();
    return changed;
  });
}
