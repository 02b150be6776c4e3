import type { TurnFile } from '../../../contract';
import { SESSION_LIMITS } from '../../../protocol/session/limits';

const MAX_TEXT_LENGTH = 500_000;

/** A file that was not taken. */
export interface RefusedFile {
  readonly name: string;
  readonly reason: 'size' | 'unreadable';
}

function base64Of(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCodePoint(byte);
  return btoa(binary);
}

async function readTurnFile(file: File): Promise<TurnFile> {
  const name = file.name.slice(0, 255);
  const bytes = new Uint8Array(await file.arrayBuffer());
  // A byte order mark is part of the file, which has to arrive as it was.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  // A zero byte or a replacement character says that this is no text.
  const isText = text.length <= MAX_TEXT_LENGTH && !/[\0\uFFFD]/.test(text);
  return isText ? { name, mediaType: file.type, text } : { name, base64: base64Of(bytes) };
}

/** Reads files that go with a turn, texts as text. One that cannot be taken leaves the others as they are. */
export async function readTurnFiles(
  files: readonly File[],
): Promise<{ readonly read: readonly TurnFile[]; readonly refused: readonly RefusedFile[] }> {
  const read: TurnFile[] = [];
  const refused: RefusedFile[] = [];
  for (const file of files) {
    if (file.size === 0 || file.size > SESSION_LIMITS.maxFileBytes) {
      refused.push({ name: file.name, reason: 'size' });
      continue;
    }
    try {
      read.push(await readTurnFile(file));
    } catch {
      // The system says no more than that: the file was moved, changed or may not be read.
      refused.push({ name: file.name, reason: 'unreadable' });
    }
  }
  return { read, refused };
}
