import type { Conversation } from '../conversation/conversation';
import type { Attachment } from '../documents/attachment';
import { documentFailure, type DocumentResult } from '../documents/errors';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { quoted } from '../documents/problems';
import { DOCUMENT_KINDS, type ToreDocument } from '../documents/read-document';
import { isShallow } from '../documents/shallow-json';
import type { GroupSession } from '../session/session';
import { comparableJson } from '../signing/canonical-json';
import type { DocumentReference, InstructionBlock, Project } from './project';

/** Numbers of blocks beyond this are written anew: sums with them would not be exact, or no numbers at all. */
const MAX_KEPT_ORDER = 1e9;

/** What a new project is called when none of the documents is a project. */
export interface NewProject {
  readonly id: string;
  readonly name: string;
  /** Time of the merge, RFC 3339. */
  readonly now: string;
}

/** A list that takes each entry once; two different entries under one key stop the merge. */
class UniqueList<Entry extends object> {
  readonly #noun: string;
  readonly #keyOf: (entry: Entry) => string;
  readonly #entries = new Map<string, Entry>();
  #conflict: string | null = null;

  constructor(noun: string, keyOf: (entry: Entry) => string) {
    this.#noun = noun;
    this.#keyOf = keyOf;
  }

  addAll(entries: readonly Entry[] | null | undefined): void {
    for (const entry of entries ?? []) {
      const key = this.#keyOf(entry);
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, entry);
      else if (comparableJson(known) !== comparableJson(entry)) {
        this.#conflict ??= `There are two different versions of the ${this.#noun} ${quoted(key)}.`;
      }
    }
  }

  get conflict(): string | null {
    return this.#conflict;
  }

  get entries(): Entry[] {
    return [...this.#entries.values()];
  }
}

function keyOfEntry(entry: { readonly id: string } | DocumentReference): string {
  return 'id' in entry ? entry.id : entry.ref;
}

/** Instructions as blocks; a single text becomes one under the project's id. */
export function asBlocks(project: Project, nextOrder: number): InstructionBlock[] {
  const { instructions } = project;
  if (typeof instructions !== 'string') return instructions;
  return instructions === '' ? [] : [{ id: project.id, title: project.name, content: instructions, order: nextOrder }];
}

/** Blocks in their order with numbers that others can be added to: any number may stand in a document. */
function countedBlocks(project: Project): InstructionBlock[] {
  const blocks = asBlocks(project, 1);
  if (blocks.every(({ order }) => Math.abs(order) <= MAX_KEPT_ORDER)) return blocks;
  return [...blocks].sort((a, b) => a.order - b.order).map((block, index) => ({ ...block, order: index + 1 }));
}

/** An id for a block that no other has and that is no longer than ids may be. */
function freeBlockId(project: Project, block: InstructionBlock, used: ReadonlySet<string>): string {
  if (!used.has(block.id)) return block.id;
  const wanted = `${project.id}/${block.id}`;
  if (wanted.length <= DOCUMENT_LIMITS.maxIdLength && !used.has(wanted)) return wanted;
  for (let copy = used.size + 1; ; copy += 1) if (!used.has(`block-${copy}`)) return `block-${copy}`;
}

/** Instructions of several projects, one after the other; those of a single project stay in the form they have. */
function mergedInstructions(projects: readonly Project[]): Project['instructions'] {
  const [first, ...others] = projects;
  if (first === undefined) return '';
  if (others.every(({ instructions }) => instructions.length === 0)) return first.instructions;
  const blocks: InstructionBlock[] = [];
  const used = new Set<string>();
  for (const project of projects) {
    const offset = blocks.reduce((highest, { order }) => Math.max(highest, order), 0);
    for (const block of countedBlocks(project)) {
      const id = freeBlockId(project, block, used);
      used.add(id);
      blocks.push({ ...block, id, order: offset + block.order });
    }
  }
  return blocks;
}

/** What is left of a project when its lists are taken over. */
function described(project: Project): Record<string, unknown> {
  const lists = new Set(['tore_spec', 'conversations', 'sessions', 'attachments', 'instructions']);
  return Object.fromEntries(Object.entries(project).filter(([name]) => !lists.has(name)));
}

/** Whether a project of valid parts can be read again: its lists are no longer and nothing lies deeper than it may. */
export function fitsProject({ instructions, conversations, sessions, attachments, ...rest }: Project): boolean {
  return (
    (typeof instructions === 'string' || instructions.length <= DOCUMENT_LIMITS.maxListEntries) &&
    conversations.length <= DOCUMENT_LIMITS.maxConversations &&
    (sessions ?? []).length <= DOCUMENT_LIMITS.maxConversations &&
    attachments.length <= DOCUMENT_LIMITS.maxAttachments &&
    isShallow({ instructions, conversations, sessions, attachments, ...rest })
  );
}

/**
 * Puts conversations, sessions and projects into one project. The first project among them is the base and keeps all its
 * fields; of further projects everything but the lists goes to `metadata.merged_from`. What is there twice is kept once.
 *
 * @returns `versions-differ` when two documents of one id differ: which one counts is not for a program to guess;
 * `other-kind` for a discovery record or an agreement; `too-large` when no reader would take what they make together.
 */
export function mergeProject(documents: readonly ToreDocument[], created: NewProject): DocumentResult<Project> {
  const conversations = new UniqueList<Conversation | DocumentReference>('conversation', keyOfEntry);
  const sessions = new UniqueList<GroupSession | DocumentReference>('session', keyOfEntry);
  const attachments = new UniqueList<Attachment>('attachment', ({ id }) => id);
  const projects: Project[] = [];
  for (const read of documents) {
    if (read.kind === 'conversation') conversations.addAll([read.document]);
    else if (read.kind === 'session') sessions.addAll([read.document]);
    else if (read.kind === 'project') {
      projects.push(read.document);
      conversations.addAll(read.document.conversations);
      sessions.addAll(read.document.sessions);
      attachments.addAll(read.document.attachments);
    } else {
      const { noun } = DOCUMENT_KINDS[read.kind];
      return documentFailure('other-kind', `A project holds conversations and sessions, no ${noun}.`);
    }
  }
  const conflict = conversations.conflict ?? sessions.conflict ?? attachments.conflict;
  if (conflict !== null) {
    return documentFailure('versions-differ', conflict, { suggestion: 'Leave one of them out and merge again.' });
  }
  const [base, ...others] = projects;
  const project: Project = {
    ...(base ?? { tore_spec: 'tore-0004', id: created.id, name: created.name, created_at: created.now, metadata: {} }),
    instructions: mergedInstructions(projects),
    conversations: conversations.entries,
    attachments: attachments.entries,
    updated_at: created.now,
  };
  if (sessions.entries.length > 0) project.sessions = sessions.entries;
  if (others.length > 0) {
    const earlier = base?.metadata?.['merged_from'];
    project.metadata = {
      ...base?.metadata,
      merged_from: [...(Array.isArray(earlier) ? (earlier as readonly unknown[]) : []), ...others.map(described)],
    };
  }
  return fitsProject(project)
    ? { ok: true, value: project }
    : documentFailure('too-large', 'Together they are more than one project can hold.', {
        suggestion: 'Merge fewer of them.',
      });
}
