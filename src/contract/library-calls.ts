import { Type } from 'typebox';
import { ContextSnapshot, Handoff } from '../protocol/conversation/conversation';
import type { Reading } from '../protocol/conversation/reading';
import type {
  ExportOutcome,
  HandoffDraft,
  ImportState,
  LibraryEntry,
  LibraryHits,
  LibraryOpened,
  LibraryOverview,
  LibraryPage,
  ProjectView,
} from './library';

const Nothing = Type.Null();
const Id = Type.String({ minLength: 1, maxLength: 200 });
const ModelId = Type.String({ minLength: 1, maxLength: 200 });
const Maybe = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
/** Conversations chosen at once; more are chosen by their folder or their project. */
const Ids = Type.Array(Id, { minItems: 1, maxItems: 10_000 });
const FolderId = Type.Integer({ minimum: 1 });
const Name = Type.String({ minLength: 1, maxLength: 1_000 });
const Offset = Type.Integer({ minimum: 0, maximum: 10_000_000 });
const ExportFormat = Type.Union([
  Type.Literal('tore5'),
  Type.Literal('markdown'),
  Type.Literal('html'),
  Type.Literal('jsonl'),
]);
const ProjectText = Type.String({ maxLength: 1_000_000 });

/** Where a conversation goes on: from which message, with which model. */
const Continuation = { id: Id, through: Maybe(Id), modelId: ModelId };

/** Calls of the library, of projects and of going on with another model. */
export const LIBRARY_CALL_SCHEMAS = {
  'library:list': Type.Object({
    folderId: Type.Optional(Maybe(FolderId)),
    tag: Type.Optional(Type.String({ maxLength: 200 })),
    platform: Type.Optional(Type.String({ maxLength: 10_000 })),
    importId: Type.Optional(Type.Integer({ minimum: 1 })),
    deleted: Type.Optional(Type.Boolean()),
    order: Type.Optional(Type.Union([Type.Literal('updated'), Type.Literal('created'), Type.Literal('title')])),
    limit: Type.Integer({ minimum: 1, maximum: 1_000 }),
    offset: Offset,
  }),
  'library:search': Type.Object({
    query: Type.String({ maxLength: 2_000 }),
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    offset: Offset,
  }),
  'library:overview': Nothing,
  'library:read': Type.Object({ id: Id, through: Maybe(Id) }),
  /** The line of one conversation, in the bin too. */
  'library:entry': Type.Object({ id: Id }),
  'library:rename': Type.Object({ id: Id, title: Name }),
  'library:delete': Type.Object({ ids: Ids }),
  'library:restore': Type.Object({ ids: Ids }),
  /** Of the bin only; null: everything in it. */
  'library:purge': Type.Object({ ids: Maybe(Ids) }),
  'library:move': Type.Object({ ids: Ids, folderId: Maybe(FolderId) }),
  'library:set-tags': Type.Object({ id: Id, tags: Type.Array(Type.String({ maxLength: 200 }), { maxItems: 100 }) }),
  'library:create-folder': Type.Object({ name: Name, parentId: Maybe(FolderId) }),
  'library:rename-folder': Type.Object({ folderId: FolderId, name: Name }),
  'library:delete-folder': Type.Object({ folderId: FolderId }),
  'library:split': Type.Object({ id: Id, messageId: Id }),
  /** Of files the person dropped or chose; the preload script alone can call it. */
  'library:import-paths': Type.Object({
    paths: Type.Array(Type.String({ minLength: 1, maxLength: 32_768 }), { minItems: 1, maxItems: 1_000 }),
  }),
  'library:choose-import': Type.Object({ what: Type.Union([Type.Literal('files'), Type.Literal('folder')]) }),
  'library:get-import': Nothing,
  /** What a file holds that was opened from the desktop, once; a window that starts asks for it too. */
  'library:take-opened': Nothing,
  'library:cancel-import': Nothing,
  'library:dismiss-import': Nothing,
  'library:export': Type.Object({ ids: Ids, format: ExportFormat }),
  'library:start-drag': Type.Object({ ids: Ids }),
  'library:fetch-attachment': Type.Object({ id: Id, attachmentId: Id }),
  'library:draft-handoff': Type.Object(Continuation),
  'library:draft-with-model': Type.Object(Continuation),
  'library:cancel-draft': Nothing,
  'library:continue': Type.Object({ ...Continuation, handoff: Handoff, snapshot: Maybe(ContextSnapshot) }),
  'project:get': Type.Object({ id: Id }),
  'project:create': Type.Object({ name: Name, ids: Ids }),
  'project:save': Type.Object({
    id: Id,
    name: Name,
    description: ProjectText,
    instructions: Type.Array(Type.Object({ id: Id, title: Type.String({ maxLength: 1_000 }), content: ProjectText }), {
      maxItems: 1_000,
    }),
    conversationIds: Type.Array(Id, { maxItems: 10_000 }),
    agreementRef: Maybe(Id),
  }),
  'project:add-files': Type.Object({ id: Id }),
  /** From where the project says, and only when the person asks for it. */
  'project:fetch-file': Type.Object({ id: Id, attachmentId: Id }),
  'project:remove-file': Type.Object({ id: Id, attachmentId: Id }),
  'project:merge': Type.Object({ name: Name, ids: Ids }),
  'project:export': Type.Object({ id: Id }),
  'project:set-deleted': Type.Object({ id: Id, deleted: Type.Boolean() }),
  /** Opens an address in the system's browser; the person has confirmed it. */
  'app:open-link': Type.Object({ url: Type.String({ minLength: 1, maxLength: 8_000 }) }),
} as const;

export interface LibraryCallValues {
  'library:list': LibraryPage;
  'library:search': LibraryHits;
  'library:overview': LibraryOverview;
  'library:read': Reading;
  'library:entry': LibraryEntry;
  'library:rename': null;
  'library:delete': number;
  'library:restore': number;
  'library:purge': number;
  'library:move': null;
  'library:set-tags': null;
  'library:create-folder': number;
  'library:rename-folder': null;
  'library:delete-folder': null;
  'library:split': { readonly projectId: string; readonly conversationIds: readonly string[] };
  'library:import-paths': null;
  'library:choose-import': null;
  'library:get-import': ImportState;
  'library:take-opened': LibraryOpened | null;
  'library:cancel-import': null;
  'library:dismiss-import': null;
  'library:export': ExportOutcome;
  'library:start-drag': null;
  'library:fetch-attachment': null;
  'library:draft-handoff': HandoffDraft;
  'library:draft-with-model': HandoffDraft;
  'library:cancel-draft': null;
  'library:continue': null;
  'project:get': ProjectView;
  'project:create': string;
  'project:save': null;
  'project:add-files': null;
  'project:fetch-file': null;
  'project:remove-file': null;
  'project:merge': string;
  'project:export': ExportOutcome;
  'project:set-deleted': null;
  'app:open-link': null;
}
