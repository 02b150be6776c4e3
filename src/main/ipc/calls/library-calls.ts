import type { LibraryInput, LibraryMethod, LibraryOutput } from '../../../library/service/library-access';
import type { LibraryResult } from '../../../library/store/errors';
import { success, type Result } from '../../../protocol/result';
import type { ChatService } from '../../services/chat/chat-service';
import { fetchAttachment, type FetchAddress } from '../../services/library/fetch-attachment';
import type { HandoffDrafts } from '../../services/library/handoff-drafts';
import type { LibraryFeature } from '../../services/library/start-library';
import { mainFailure } from '../../errors';
import type { CallRegistry } from '../call-registry';

export interface LibraryCallDependencies {
  readonly library: LibraryFeature;
  readonly drafts: HandoffDrafts;
  readonly chat: Pick<ChatService, 'continueWith'>;
  /** Opens the system's dialog; empty when it was closed. */
  readonly chooseImport: (what: 'files' | 'folder') => Promise<readonly string[]>;
  readonly fetchAddress: FetchAddress;
  /** Lets the system take files along with the pointer. */
  readonly startDrag: (paths: readonly string[]) => void;
  readonly now: () => string;
}

/** The calls of the library's screen. */
export function registerLibraryCalls(calls: CallRegistry, dependencies: LibraryCallDependencies): void {
  const { library, drafts, chat } = dependencies;
  const { access, imports, exports } = library;
  /** A call that changes something: whoever shows the library reads it again. */
  const change = async <Method extends LibraryMethod>(
    method: Method,
    input: LibraryInput<Method>,
  ): Promise<LibraryResult<LibraryOutput<Method>>> => {
    const result = await access.call(method, input);
    if (result.ok) library.changed();
    return result;
  };
  calls.registerCall('library:list', (input) => access.call('list', input));
  calls.registerCall('library:search', (input) => access.call('search', input));
  calls.registerCall('library:overview', () => access.call('overview', null));
  calls.registerCall('library:read', (input) => access.call('read', input));
  calls.registerCall('library:entry', async ({ id }) => {
    for (const deleted of [false, true]) {
      const found = await access.call('list', { ids: [id], deleted, limit: 1 });
      if (!found.ok) return found;
      const [entry] = found.value.conversations;
      if (entry !== undefined) return success(entry);
    }
    return mainFailure('conversation-unknown', 'This conversation does not exist any more.');
  });
  calls.registerCall('library:rename', (input) => change('rename', input));
  calls.registerCall('library:delete', (input) => change('delete', input));
  calls.registerCall('library:restore', (input) => change('restore', input));
  calls.registerCall('library:purge', ({ ids }) =>
    change('purge', ids === null ? { before: dependencies.now() } : { ids }),
  );
  calls.registerCall('library:move', (input) => change('move', input));
  calls.registerCall('library:set-tags', (input) => change('setTags', input));
  calls.registerCall('library:create-folder', (input) => change('createFolder', input));
  calls.registerCall('library:rename-folder', (input) => change('renameFolder', input));
  calls.registerCall('library:delete-folder', (input) => change('deleteFolder', input));
  calls.registerCall('library:split', (input) => change('split', input));

  const add = (paths: readonly string[]): Result<null> => {
    imports.add(paths);
    return success(null);
  };
  calls.registerCall('library:import-paths', ({ paths }) => add(paths));
  calls.registerCall('library:choose-import', async ({ what }) => add(await dependencies.chooseImport(what)));
  calls.registerCall('library:get-import', () => success(imports.state));
  calls.registerCall('library:take-opened', () => success(library.takeOpened()));
  calls.registerCall('library:cancel-import', () => {
    imports.cancel();
    return success(null);
  });
  calls.registerCall('library:dismiss-import', () => {
    imports.dismiss();
    return success(null);
  });
  calls.registerCall('library:export', ({ ids, format }) => exports.conversations(ids, format));
  calls.registerCall('library:start-drag', async ({ ids }) => {
    const written = await exports.forDrag(ids);
    if (!written.ok) return written;
    dependencies.startDrag(written.value);
    return success(null);
  });
  calls.registerCall('library:fetch-attachment', async ({ id, attachmentId }) => {
    const found = await access.call('get', { id });
    if (!found.ok) return found;
    const attachment = found.value.conversation.attachments?.find((each) => each.id === attachmentId);
    if (attachment === undefined) return mainFailure('fetch-failed', 'This attachment is not there any more.');
    const fetched = await fetchAttachment(attachment, dependencies.fetchAddress);
    return fetched.ok ? change('storeAttachment', { id, attachmentId, content: fetched.value }) : fetched;
  });
  calls.registerCall('library:draft-handoff', (input) => drafts.byRules(input));
  calls.registerCall('library:draft-with-model', (input) => drafts.byModel(input));
  calls.registerCall('library:cancel-draft', () => {
    drafts.cancel();
    return success(null);
  });
  calls.registerCall('library:continue', async ({ id, through, handoff, snapshot }) => {
    const prepared = await chat.continueWith({ id, through, handoff, snapshot });
    if (!prepared.ok) return prepared;
    library.tellWindow();
    return success(null);
  });
}
