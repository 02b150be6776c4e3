import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { v7 as uuidV7 } from 'uuid';
import type { Conversation } from '../../protocol/conversation/conversation';
import { splitConversation } from '../../protocol/conversation/split-conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { isDocumentReference, type Project } from '../../protocol/project/project';
import { mergeProject } from '../../protocol/project/merge-project';
import { verifyContent } from '../documents/attachments';
import { mediaTypeOf } from '../import/media-type';
import { LibraryError, reasonOf, systemCodeOf, type LibraryResult } from '../store/errors';
import type { Library } from '../store/open-library';
import type { ProjectChanges } from './library-access';

/** Bytes of one file added to a project: what an inline attachment may hold. */
const MAX_FILE_BYTES = 125_829_120;

/** A value, or the failure thrown for the door to turn into one again. */
export function valueOf<Value>(result: LibraryResult<Value>): Value {
  if (result.ok) return result.value;
  const { code, message, retryable, suggestion } = result.error;
  throw new LibraryError(code, message, suggestion === undefined ? { retryable } : { retryable, suggestion });
}

/** What is done with the projects of a library. Every method throws `LibraryError`. */
export class ProjectWork {
  readonly #library: Library;
  readonly #now: () => Date;
  /** Changes happen one after the other, each to what the one before it left. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(library: Library, now: () => Date) {
    this.#library = library;
    this.#now = now;
  }

  async get(id: string): Promise<Project> {
    return (await this.#forEditing(id)).project;
  }

  async #forEditing(id: string): Promise<{ readonly project: Project; readonly key: number }> {
    const { document, key } = valueOf(await this.#library.documents.getForEditing('project', id));
    if (document.kind !== 'project') throw new Error('a project was asked for and another document came');
    return { project: document.document, key };
  }

  async create(name: string, ids: readonly string[]): Promise<string> {
    const now = this.#now().toISOString();
    const id = uuidV7();
    await this.#save({
      tore_spec: 'tore-0004',
      id,
      name,
      instructions: '',
      conversations: await this.#conversations(ids),
      attachments: [],
      metadata: {},
      created_at: now,
      updated_at: now,
    });
    return id;
  }

  async change(changes: ProjectChanges): Promise<void> {
    const { instructions } = changes;
    if (typeof instructions !== 'string' && new Set(instructions.map(({ id }) => id)).size < instructions.length) {
      throw new LibraryError('content-invalid', 'Two blocks of instructions have the same id.');
    }
    return this.#update(changes.id, async (project) => {
      const references = project.conversations.filter((entry) => isDocumentReference(entry));
      const { description: _description, ...rest } = project;
      const metadata = { ...project.metadata };
      if (changes.agreementRef === null) delete metadata.agreement_ref;
      else metadata.agreement_ref = changes.agreementRef;
      return {
        ...rest,
        name: changes.name,
        ...(changes.description === '' ? {} : { description: changes.description }),
        instructions: changes.instructions,
        conversations: [...(await this.#conversations(changes.conversationIds)), ...references],
        metadata,
      };
    });
  }

  /** Parts a conversation in two and makes them a project; the whole goes to the bin, from where it can be taken back. */
  async split(
    id: string,
    messageId: string,
  ): Promise<{ readonly projectId: string; readonly conversationIds: readonly string[] }> {
    const conversation = valueOf(await this.#library.conversations.get(id));
    const ids = { firstId: uuidV7(), secondId: uuidV7(), now: this.#now().toISOString() };
    const parts = splitConversation(conversation, messageId, ids);
    if (parts === null) {
      throw new LibraryError('content-invalid', 'There is nothing in front of this message to part it from.');
    }
    for (const part of parts) valueOf(await this.#library.conversations.save(part));
    const conversationIds = parts.map((part) => part.id);
    const projectId = await this.create(conversation.title, conversationIds);
    return { projectId, conversationIds };
  }

  async merge(name: string, ids: readonly string[]): Promise<string> {
    const projects: Project[] = [];
    for (const id of ids) projects.push(await this.get(id));
    const id = uuidV7();
    const now = this.#now().toISOString();
    const merged = mergeProject(
      projects.map((document) => ({ kind: 'project', document })),
      { id, name, now },
    );
    if (!merged.ok) {
      const { message, suggestion } = merged.error;
      throw new LibraryError('content-invalid', message, suggestion === undefined ? {} : { suggestion });
    }
    await this.#save({ ...merged.value, id, name, created_at: now });
    return id;
  }

  async addFile(id: string, path: string): Promise<void> {
    const name = basename(path);
    // Other changes need not wait while a large file is copied.
    const stored = await this.#store(path, name);
    const attachment: Attachment = {
      id: uuidV7(),
      name,
      media_type: mediaTypeOf(name, Buffer.alloc(0)),
      size_bytes: stored.sizeBytes,
      checksum: { algorithm: 'sha-256', value: stored.sha256 },
      storage: 'inline',
      data: '',
    };
    await this.#update(id, (project) => ({ ...project, attachments: [...project.attachments, attachment] }));
  }

  async #store(path: string, name: string): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
    try {
      const { size } = await stat(path);
      if (size > MAX_FILE_BYTES) {
        throw new LibraryError('too-large', `${name} is larger than ${MAX_FILE_BYTES / 1_048_576} MB.`, {
          suggestion: 'Keep it where others can fetch it and name its address in the instructions.',
        });
      }
      return valueOf(await this.#library.addFile(createReadStream(path) as AsyncIterable<Uint8Array>));
    } catch (thrown) {
      if (systemCodeOf(thrown) === null) throw thrown;
      throw new LibraryError('file-unreadable', `${name} cannot be read: ${reasonOf(thrown)}.`, { cause: thrown });
    }
  }

  removeFile(id: string, attachmentId: string): Promise<void> {
    return this.#update(id, (project) => ({
      ...project,
      attachments: project.attachments.filter((attachment) => attachment.id !== attachmentId),
    }));
  }

  /** Keeps the bytes of a conversation's attachment that was kept elsewhere. */
  async storeAttachment(id: string, attachmentId: string, content: Uint8Array): Promise<void> {
    const { conversation, revision } = valueOf(await this.#library.conversations.getForEditing(id));
    const attachments = await this.#withContent(conversation.attachments ?? [], attachmentId, content);
    valueOf(await this.#library.conversations.save({ ...conversation, attachments }, { baseRevision: revision }));
  }

  /** Keeps the bytes of a project's file that was kept elsewhere. */
  storeFile(id: string, attachmentId: string, content: Uint8Array): Promise<void> {
    return this.#update(id, async (project) => ({
      ...project,
      attachments: await this.#withContent(project.attachments, attachmentId, content),
    }));
  }

  /** Attachments of which one now holds its content, after that was checked against its size and checksum. */
  async #withContent(
    attachments: readonly Attachment[],
    attachmentId: string,
    content: Uint8Array,
  ): Promise<Attachment[]> {
    const attachment = attachments.find((each) => each.id === attachmentId);
    if (attachment === undefined) throw new LibraryError('not-found', 'This attachment is not there any more.');
    const verified = verifyContent(attachment, content);
    if (!verified.ok) throw new LibraryError('checksum-mismatch', verified.error.message);
    valueOf(await this.#library.addFile(single(content)));
    const { data: _data, ...described } = attachment;
    const kept: Attachment = { ...described, storage: 'inline', data: '' };
    return attachments.map((each) => (each.id === attachmentId ? kept : each));
  }

  async #conversations(ids: readonly string[]): Promise<Conversation[]> {
    const conversations: Conversation[] = [];
    for (const id of new Set(ids)) conversations.push(valueOf(await this.#library.conversations.get(id)));
    return conversations;
  }

  /** Changes a project as it is when its turn comes, and again when an import joined something with it meanwhile. */
  #update(id: string, change: (project: Project) => Project | Promise<Project>): Promise<void> {
    const done = this.#changing.then(async () => {
      for (;;) {
        const { project, key } = await this.#forEditing(id);
        const changed = { ...(await change(project)), updated_at: this.#now().toISOString() };
        if (await this.#save(changed, key)) return;
      }
    });
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #save(project: Project, baseKey?: number): Promise<boolean> {
    return valueOf(await this.#library.documents.save({ kind: 'project', document: project }, baseKey));
  }
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
