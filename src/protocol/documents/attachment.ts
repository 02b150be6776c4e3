import { Type, type Static } from 'typebox';
import { Checksum, Count, Identifier, InlineData, Maybe, MediaType, Name, Uri } from './fields';
import { DOCUMENT_LIMITS } from './limits';

const described = {
  id: Identifier,
  name: Name,
  media_type: MediaType,
  /** Bytes of the content, before base64. */
  size_bytes: Count,
  /** Mandatory: a content that does not match it is an error that names the attachment. */
  checksum: Checksum,
};

/** A file inside the document. */
export const InlineAttachment = Type.Object({
  ...described,
  storage: Type.Literal('inline'),
  data: InlineData,
  uri: Maybe(Uri),
});
export type InlineAttachment = Static<typeof InlineAttachment>;

/** A file elsewhere. Reading a document never fetches it; the checksum is verified when somebody does. */
export const ReferenceAttachment = Type.Object({
  ...described,
  storage: Type.Literal('reference'),
  uri: Uri,
  data: Type.Optional(Type.Null()),
});
export type ReferenceAttachment = Static<typeof ReferenceAttachment>;

/**
 * A file that belongs to a project or a conversation (tore-0004). A file whose bytes are unknown has no checksum and is
 * no attachment: an image or file part carries its `uri` and name instead.
 */
export const Attachment = Type.Union([InlineAttachment, ReferenceAttachment]);
export type Attachment = Static<typeof Attachment>;

export const Attachments = Type.Array(Attachment, { maxItems: DOCUMENT_LIMITS.maxAttachments });
