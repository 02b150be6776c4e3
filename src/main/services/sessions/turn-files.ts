import { createHash } from 'node:crypto';
import { v7 } from 'uuid';
import type { SessionFileView, TurnFile } from '../../../contract/sessions';
import type { ContentPart } from '../../../protocol/conversation/content';
import type { Attachment } from '../../../protocol/documents/attachment';
import { rasterTypeOf } from '../../../protocol/documents/raster-type';
import { success, type Result } from '../../../protocol/result';
import { SESSION_LIMITS } from '../../../protocol/session/limits';
import type { Turn } from '../../../protocol/session/session';
import { mainFailure } from '../../errors';

/*
 * Files in turns. Their bytes stand in the turn (`data`, base64, or as text in `extracted_text`), so the author's signature
 * covers them and everybody has them, with or without a network. Nothing here is opened or run: a file leaves the session
 * only by being saved where its person says.
 */

/** What begins like this is of this type; what a sender claims is not asked. */
const SIGNATURES: readonly (readonly [string, readonly number[]])[] = [
  ['application/pdf', [0x25, 0x50, 0x44, 0x46, 0x2d]],
  ['application/zip', [0x50, 0x4b, 0x03, 0x04]],
  ['application/gzip', [0x1f, 0x8b]],
];
const UNKNOWN_TYPE = 'application/octet-stream';
/** Room for what stands in a turn beside its content: ids, times, the signature. */
const TURN_FRAME_BYTES = 4_096;
const MAX_NAME_LENGTH = 120;

/** The type of a file by its first bytes. */
export function mediaTypeOf(bytes: Uint8Array): string {
  const found = SIGNATURES.find(([, signature]) => signature.every((byte, index) => bytes[index] === byte));
  return rasterTypeOf(bytes) ?? found?.[0] ?? UNKNOWN_TYPE;
}

function checksumOf(bytes: Uint8Array): { readonly algorithm: 'sha-256'; readonly value: string } {
  return { algorithm: 'sha-256', value: createHash('sha256').update(bytes).digest('hex') };
}

function partOf(file: TurnFile): Result<ContentPart> {
  const isText = 'text' in file;
  const bytes = isText ? Buffer.from(file.text, 'utf8') : Buffer.from(file.base64, 'base64');
  if (bytes.length === 0 || bytes.length > SESSION_LIMITS.maxFileBytes) {
    return mainFailure('file-invalid', `${file.name} was not attached: it is empty or larger than 512 KiB.`, {
      suggestion: 'Put larger files where the others can fetch them, and write the address.',
    });
  }
  return success({
    type: 'file',
    attachment_id: v7(),
    name: file.name,
    media_type: isText ? file.mediaType || 'text/plain' : mediaTypeOf(bytes),
    size_bytes: bytes.length,
    ...(isText ? { extracted_text: file.text } : { data: bytes.toString('base64') }),
    metadata: { checksum: checksumOf(bytes) },
  });
}

/** Files as parts of a turn: models read texts, and everybody can check that a file is whole. */
export function fileParts(files: readonly TurnFile[], text: readonly ContentPart[]): Result<ContentPart[]> {
  const parts: ContentPart[] = [];
  for (const file of files) {
    const part = partOf(file);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  const sizeBytes = Buffer.byteLength(JSON.stringify([...text, ...parts]), 'utf8') + TURN_FRAME_BYTES;
  if (sizeBytes > SESSION_LIMITS.maxTurnBytes) {
    return mainFailure(
      'file-invalid',
      'These files are too large for one turn, which holds 1 MiB. Nothing was posted.',
      {
        suggestion: 'Post them in several turns.',
      },
    );
  }
  return success(parts);
}

interface Carried {
  readonly name: string;
  readonly attachmentId: string | null;
  readonly claimedBytes: number;
  readonly sha256: string | null;
  readonly text: string | null;
  readonly data: string | null;
}

function carriedBy(part: ContentPart): Carried | null {
  if (part.type !== 'file' && part.type !== 'image') return null;
  const field = (name: string): unknown => (part as Readonly<Record<string, unknown>>)[name];
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const metadata = field('metadata');
  const checksum: unknown =
    typeof metadata === 'object' && metadata !== null && 'checksum' in metadata ? metadata.checksum : null;
  const hash = typeof checksum === 'object' && checksum !== null && 'value' in checksum ? checksum.value : null;
  const size = field('size_bytes');
  return {
    name: textOf(field('name')) ?? 'file',
    attachmentId: textOf(field('attachment_id')),
    claimedBytes: typeof size === 'number' ? size : 0,
    sha256: textOf(hash),
    text: textOf(field('extracted_text')),
    data: textOf(field('data')),
  };
}

/** The bytes of a part, once they fit the size and the checksum its author has signed. */
function bytesOf({ name, claimedBytes, sha256, text, data }: Carried): Result<Buffer> {
  const bytes = data === null ? Buffer.from(text ?? '', 'utf8') : Buffer.from(data, 'base64');
  if (data === null && text === null) {
    return mainFailure('file-invalid', `${name} did not come along with its turn.`, {
      suggestion: 'Ask whoever posted it for the file.',
    });
  }
  if (bytes.length !== claimedBytes || checksumOf(bytes).value !== sha256) {
    return mainFailure('checksum-mismatch', `${name} is not what its turn says it is. Nothing was saved.`, {
      suggestion: 'Ask whoever posted it to post it again.',
    });
  }
  return success(bytes);
}

/** A name that is only a name: no path, nothing hidden, nothing a text shows turned round. */
export function plainFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replace(/[\p{Cc}\p{Cf}<>:"|?*]/gu, '')
    .replace(/^[.\s]+|[.\s]+$/g, '')
    .slice(-MAX_NAME_LENGTH);
  return plain === '' ? 'file' : plain;
}

/** Every file of a session, the newest first. */
export function filesOfSession(turns: readonly Turn[]): SessionFileView[] {
  return turns
    .flatMap((turn) =>
      turn.content.flatMap((part, index): SessionFileView[] => {
        const carried = carriedBy(part);
        if (carried === null) return [];
        const { name, claimedBytes, text, data } = carried;
        return [
          {
            turnId: turn.id,
            part: index,
            seq: turn.seq,
            participantId: turn.participant_id,
            name: plainFileName(name),
            sizeBytes: claimedBytes,
            mediaType: data === null ? 'text/plain' : mediaTypeOf(Buffer.from(data.slice(0, 64), 'base64')),
            isHere: text !== null || data !== null,
          },
        ];
      }),
    )
    .toReversed();
}

/** One file of a turn, checked, with the name it is proposed under. */
export function fileOfTurn(turn: Turn | undefined, index: number): Result<{ name: string; bytes: Buffer }> {
  const part = turn?.content[index];
  const carried = part === undefined ? null : carriedBy(part);
  if (carried === null) return mainFailure('file-invalid', 'There is no such file in this session.');
  const bytes = bytesOf(carried);
  return bytes.ok ? success({ name: plainFileName(carried.name), bytes: bytes.value }) : bytes;
}

/** Turns as the window gets them: without the bytes of files, which it never needs. */
export function withoutFileBytes<Any extends Pick<Turn, 'content'>>(turns: readonly Any[]): readonly Any[] {
  return turns.map((turn) =>
    turn.content.some((part) => 'data' in part)
      ? { ...turn, content: turn.content.map((part) => ('data' in part ? { ...part, data: undefined } : part)) }
      : turn,
  );
}

/**
 * The files of a session as attachments of a project (tore-0004), under the ids its turns call them by. An id is that of the
 * file it was first given to: whoever posts later takes nobody's place.
 */
export function attachmentsOf(turns: readonly Turn[]): Attachment[] {
  const attachments = new Map<string, Attachment>();
  for (const part of turns.flatMap(({ content }) => content)) {
    const carried = carriedBy(part);
    if (carried?.data === null || carried?.data === undefined || carried.attachmentId === null) continue;
    if (attachments.has(carried.attachmentId)) continue;
    const bytes = bytesOf(carried);
    if (!bytes.ok) continue;
    attachments.set(carried.attachmentId, {
      id: carried.attachmentId,
      name: plainFileName(carried.name),
      media_type: mediaTypeOf(bytes.value),
      size_bytes: bytes.value.length,
      checksum: checksumOf(bytes.value),
      storage: 'inline',
      data: bytes.value.toString('base64'),
    });
  }
  return [...attachments.values()];
}
