import { Type, type Static } from 'typebox';
import { Conversation } from '../conversation/conversation';
import { Attachments } from '../documents/attachment';
import { Checksum, Identifier, Maybe, Name, Text, Timestamp, Uri } from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { GroupSession } from '../session/session';

/** One of several blocks of instructions; applied by rising `order`. */
export const InstructionBlock = Type.Object({
  id: Identifier,
  title: Maybe(Name),
  content: Text,
  order: Type.Number(),
});
export type InstructionBlock = Static<typeof InstructionBlock>;

/** A document kept beside the project. The checksum is over the bytes of that file. */
export const DocumentReference = Type.Object({ ref: Uri, checksum: Checksum });
export type DocumentReference = Static<typeof DocumentReference>;

/** Conversations that belong together, with their instructions and files, as one transferable document (tore-0004). */
export const Project = Type.Object({
  tore_spec: Type.Literal('tore-0004'),
  id: Identifier,
  name: Name,
  description: Maybe(Text),
  /** One block, or several. */
  instructions: Type.Union([Text, Type.Array(InstructionBlock, { maxItems: DOCUMENT_LIMITS.maxListEntries })]),
  conversations: Type.Array(Type.Union([Conversation, DocumentReference]), {
    maxItems: DOCUMENT_LIMITS.maxConversations,
  }),
  sessions: Maybe(
    Type.Array(Type.Union([GroupSession, DocumentReference]), { maxItems: DOCUMENT_LIMITS.maxConversations }),
  ),
  attachments: Attachments,
  metadata: Maybe(
    Type.Intersect([
      Type.Record(Type.String(), Type.Unknown()),
      Type.Object({
        /** Id of the tore-0002 agreement the project stands on. */
        agreement_ref: Maybe(Identifier),
      }),
    ]),
  ),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Project = Static<typeof Project>;

/** Whether an entry of a project stands in a file of its own. A whole document says which specification it follows. */
export function isDocumentReference(
  entry: Conversation | GroupSession | DocumentReference,
): entry is DocumentReference {
  return !('tore_spec' in entry);
}
