import { toEpochMs } from '../../protocol/documents/time';
import { asBlocks } from '../../protocol/project/merge-project';
import { isDocumentReference, type Project } from '../../protocol/project/project';
import { timesOf, type KeptDocument } from './document-rows';
import { conflictingIds, mergeAttachments, withNewIds } from './merge-attachments';

type Sessions = NonNullable<Project['sessions']>;

/** The entries of the newer list, then those only the older one has. */
function union<Entry>(newer: readonly Entry[], older: readonly Entry[], keyOf: (entry: Entry) => string): Entry[] {
  const known = new Set(newer.map(keyOf));
  return [...newer, ...older.filter((entry) => !known.has(keyOf(entry)))];
}

/** A single text is replaced by the newer one; a block stays until it is taken out here. */
function mergeInstructions(newer: Project, older: Project): Project['instructions'] {
  if (typeof newer.instructions === 'string' && typeof older.instructions === 'string') return newer.instructions;
  return union(asBlocks(newer, 1), asBlocks(older, 1), ({ id }) => id);
}

/** Sessions of both; of one that both have, the later state. */
function mergeSessions(newer: Sessions, older: Sessions): Sessions {
  const others = new Map(older.flatMap((entry) => (isDocumentReference(entry) ? [] : [[entry.id, entry] as const])));
  const latest = newer.map((entry) => {
    const other = isDocumentReference(entry) ? undefined : others.get(entry.id);
    if (isDocumentReference(entry) || other === undefined) return entry;
    return toEpochMs(other.updated_at) > toEpochMs(entry.updated_at) ? other : entry;
  });
  return union(latest, older, (entry) => (isDocumentReference(entry) ? `at ${entry.ref}` : `id ${entry.id}`));
}

function mergeProjects(newer: Project, older: Project): Project {
  const sessions = mergeSessions(newer.sessions ?? [], older.sessions ?? []);
  return {
    ...newer,
    instructions: mergeInstructions(newer, older),
    conversations: [],
    attachments: mergeAttachments(newer.attachments, older.attachments),
    ...(sessions.length === 0 ? {} : { sessions }),
  };
}

/**
 * Joins two versions of a document other than a conversation: the newer one stands. A project keeps what only the other
 * version has: conversations, files and their bytes, blocks of instructions, sessions.
 *
 * @param existing - as the library has it.
 * @param given - as the file has it.
 */
export function mergeDocuments(existing: KeptDocument, given: KeptDocument): KeptDocument {
  const isNewer = toEpochMs(timesOf(given.document).updatedAt) >= toEpochMs(timesOf(existing.document).updatedAt);
  if (existing.document.kind !== 'project' || given.document.kind !== 'project') return isNewer ? given : existing;
  const here = existing.document.document;
  const ids = conflictingIds(here.attachments, given.document.document.attachments);
  const theirs = { ...given.document.document, attachments: withNewIds(given.document.document.attachments, ids) };
  const [newer, older] = isNewer ? [given.entries, existing.entries] : [existing.entries, given.entries];
  return {
    document: { kind: 'project', document: isNewer ? mergeProjects(theirs, here) : mergeProjects(here, theirs) },
    entries: union(newer, older, (entry) =>
      'reference' in entry ? `at ${entry.reference.ref}` : `id ${entry.conversationId}`,
    ),
  };
}
