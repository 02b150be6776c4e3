import type { ContentPart } from '../../protocol/conversation/content';
import type { Conversation } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { base64SizeBytes } from '../../protocol/documents/check-attachments';
import type { AssetIndex } from './asset-index';
import { contentHash, derivedId, fittingName } from './identity';
import type { ImportSink, StoredFile } from './import-sink';
import type { ReportCollector } from './import-report';
import { mediaTypeOf } from './media-type';

/** What attaching needs. */
export interface AttachContext {
  readonly sink: ImportSink;
  readonly assets: AssetIndex;
  readonly report: ReportCollector;
}

interface Pointer {
  readonly type: 'image' | 'file';
  readonly uri: string;
  readonly name?: string | null;
  readonly media_type?: string | null;
  readonly attachment_id?: string | null;
}

function isPointer(part: ContentPart): part is ContentPart & Pointer {
  return (
    (part.type === 'image' || part.type === 'file') &&
    'uri' in part &&
    typeof part.uri === 'string' &&
    !('attachment_id' in part && typeof part.attachment_id === 'string')
  );
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const DATA_ADDRESS = /^data:([a-zA-Z0-9.+-]{1,60}\/[a-zA-Z0-9.+-]{1,100})?((?:;[a-zA-Z0-9=_-]{1,60}){0,4}),/;
/** The longest address the documents allow; longer ones held the content itself. */
const MAX_URI_LENGTH = 20_000;

function decodeDataAddress(uri: string): { readonly mediaType: string; readonly bytes: Buffer } | null {
  const head = DATA_ADDRESS.exec(uri.slice(0, 1_000));
  if (head === null) return null;
  const body = uri.slice(head[0].length);
  const mediaType = head[1] ?? 'text/plain';
  if (head[2]?.includes(';base64') === true) return { mediaType, bytes: Buffer.from(body, 'base64') };
  try {
    return { mediaType, bytes: Buffer.from(decodeURIComponent(body)) };
  } catch (thrown) {
    if (thrown instanceof URIError) return null;
    throw thrown;
  }
}

/**
 * Gives the image and file parts of a converted conversation their bytes: those written into the address itself, and
 * those that lie beside the conversation in the export. Parts whose bytes are not there keep their address.
 */
export async function attachFiles(conversation: Conversation, context: AttachContext): Promise<Conversation> {
  const attachments = new Map<string, Attachment>();
  const messages: Conversation['messages'] = [];
  for (const message of conversation.messages) {
    let content: ContentPart[] | null = null;
    for (const [index, part] of message.content.entries()) {
      if (!isPointer(part)) continue;
      const attached = await attach(part, context);
      if (attached === null) continue;
      content ??= [...message.content];
      content[index] = attached.part;
      if (attached.attachment !== null) attachments.set(attached.attachment.id, attached.attachment);
    }
    messages.push(content === null ? message : { ...message, content });
  }
  if (attachments.size === 0) return { ...conversation, messages };
  return { ...conversation, messages, attachments: [...(conversation.attachments ?? []), ...attachments.values()] };
}

interface Attached {
  readonly part: ContentPart;
  readonly attachment: Attachment | null;
}

async function attach(part: ContentPart & Pointer, { sink, assets, report }: AttachContext): Promise<Attached | null> {
  if (part.uri.startsWith('data:')) {
    const decoded = decodeDataAddress(part.uri);
    const { uri: _uri, ...rest } = part;
    if (decoded === null || decoded.bytes.length === 0) {
      report.fileMissing();
      return { part: part.uri.length > MAX_URI_LENGTH ? (rest as ContentPart) : part, attachment: null };
    }
    const stored = await sink.addFile(single(decoded.bytes));
    report.fileStored();
    return attachedPart(rest as ContentPart & Pointer, stored, part.name ?? 'file', decoded.mediaType);
  }
  const found = assets.find(part.uri, part.name ?? null);
  if (found === null) {
    // Addresses of the web and of other stores were never part of the export.
    if (!/^(?:https?|google-drive|youtube):/.test(part.uri)) report.fileMissing();
    return part.uri.length > MAX_URI_LENGTH
      ? { part: { ...part, uri: part.uri.slice(0, MAX_URI_LENGTH) }, attachment: null }
      : null;
  }
  const { stored, head } = await found.store(sink);
  const name = part.name ?? found.fileName;
  return attachedPart(part, stored, name, part.media_type ?? mediaTypeOf(found.fileName, head));
}

function attachedPart(part: ContentPart & Pointer, stored: StoredFile, name: string, mediaType: string): Attached {
  const id = derivedId('attachment', stored.sha256, name);
  return {
    part: { ...part, attachment_id: id, name: fittingName(name), media_type: mediaType, size_bytes: stored.sizeBytes },
    attachment: {
      id,
      name: fittingName(name),
      media_type: mediaType,
      size_bytes: stored.sizeBytes,
      checksum: { algorithm: 'sha-256', value: stored.sha256 },
      storage: 'inline',
      data: '',
    },
  };
}

/** Why attachments of a document cannot be taken, as a clause, or the attachments without their bytes. */
export type Detached =
  { readonly ok: true; readonly attachments: Attachment[] } | { readonly ok: false; readonly why: string };

/** Verifies the inline attachments of a document and hands their bytes to the sink. */
export async function detachAttachments(attachments: readonly Attachment[], sink: ImportSink): Promise<Detached> {
  const detached: Attachment[] = [];
  for (const attachment of attachments) {
    if (attachment.storage !== 'inline' || base64SizeBytes(attachment.data) === null) {
      detached.push(attachment);
      continue;
    }
    const bytes = Buffer.from(attachment.data, 'base64');
    if (contentHash(bytes) !== attachment.checksum.value) {
      return { ok: false, why: `the content of its attachment "${attachment.name}" does not match the checksum` };
    }
    // Base64 with stray bits at its end would not come back the same; it stays as it is.
    const isCanonical = bytes.length > 0 && bytes.toString('base64') === attachment.data;
    if (isCanonical) await sink.addFile(single(bytes));
    detached.push(isCanonical ? { ...attachment, data: '' } : attachment);
  }
  return { ok: true, attachments: detached };
}
