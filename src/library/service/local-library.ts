import { readingOf } from '../../protocol/conversation/reading';
import { exportConversations, exportDocument } from '../export/export-conversations';
import { asResult, type LibraryResult } from '../store/errors';
import type { Library } from '../store/open-library';
import type {
  LibraryAccess,
  LibraryCallOptions,
  LibraryInput,
  LibraryMethod,
  LibraryOutput,
  LibraryOverview,
} from './library-access';
import { ProjectWork, valueOf } from './project-work';

type Handlers = {
  readonly [Method in LibraryMethod]: (
    input: LibraryInput<Method>,
    options: LibraryCallOptions,
  ) => Promise<LibraryOutput<Method>>;
};

async function nothing(result: Promise<LibraryResult<unknown>>): Promise<null> {
  valueOf(await result);
  return null;
}

async function overviewOf(library: Library): Promise<LibraryOverview> {
  return {
    folders: valueOf(await library.folders.list()),
    tags: valueOf(await library.folders.listTags()),
    platforms: valueOf(await library.conversations.platforms()),
    projects: valueOf(await library.documents.list('project')),
    storage: valueOf(await library.storage()),
  };
}

function createHandlers(library: Library, now: () => Date): Handlers {
  const { conversations, folders, documents, files } = library;
  const projects = new ProjectWork(library, now);
  const done = async (work: Promise<void>): Promise<null> => {
    await work;
    return null;
  };
  return {
    list: async (input) => valueOf(await conversations.list(input)),
    search: async ({ query, ...options }) => valueOf(await library.search(query, options)),
    overview: () => overviewOf(library),
    read: async ({ id, through }) => readingOf(valueOf(await conversations.getStandalone(id)), through),
    get: async ({ id }) => valueOf(await conversations.getForEditing(id)),
    save: async ({ conversation, ...options }) => valueOf(await conversations.save(conversation, options)),
    markInChat: ({ ids }) => nothing(conversations.markInChat(ids)),
    rename: ({ id, title }) => nothing(conversations.rename(id, title)),
    delete: async ({ ids }) => valueOf(await conversations.delete(ids)),
    restore: async ({ ids }) => valueOf(await conversations.restore(ids)),
    purge: async (input) => {
      if (!('ids' in input)) return valueOf(await library.emptyBin(new Date(input.before)));
      const removed = valueOf(await conversations.purge(now(), input.ids));
      valueOf(await library.cleanUp());
      return removed;
    },
    move: ({ ids, folderId }) => nothing(conversations.move(ids, folderId)),
    setTags: ({ id, tags }) => nothing(folders.setTags(id, tags)),
    createFolder: async ({ name, parentId }) => valueOf(await folders.create(name, parentId)),
    renameFolder: ({ folderId, name }) => nothing(folders.change(folderId, { name })),
    deleteFolder: ({ folderId }) => nothing(folders.delete(folderId)),
    split: ({ id, messageId }) => projects.split(id, messageId),
    project: ({ id }) => projects.get(id),
    createProject: ({ name, ids }) => projects.create(name, ids),
    changeProject: (changes) => done(projects.change(changes)),
    addProjectFile: ({ id, path }) => done(projects.addFile(id, path)),
    removeProjectFile: ({ id, attachmentId }) => done(projects.removeFile(id, attachmentId)),
    mergeProjects: ({ name, ids }) => projects.merge(name, ids),
    deleteProject: ({ id, deleted }) =>
      nothing(documents.setDeleted('project', id, deleted ? now().toISOString() : null)),
    storeProjectFile: ({ id, attachmentId, content }) => done(projects.storeFile(id, attachmentId, content)),
    storeAttachment: ({ id, attachmentId, content }) => done(projects.storeAttachment(id, attachmentId, content)),
    import: async ({ path }, options) => valueOf(await library.importFile(path, options)),
    export: async ({ ids, format, target }, options) =>
      valueOf(await exportConversations(library, ids, format, target, options)),
    exportProject: async ({ id, path }) => valueOf(await exportDocument(await projects.get(id), files, path)),
  };
}

/** A library opened in this process. */
export function localLibrary(library: Library, now: () => Date = () => new Date()): LibraryAccess {
  const handlers = createHandlers(library, now);
  return {
    call: (method, input, options = {}) => asResult(() => handlers[method](input, options)),
  };
}
