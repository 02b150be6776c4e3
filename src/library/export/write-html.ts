import { randomUUID } from 'node:crypto';
import type { Conversation } from '../../protocol/conversation/conversation';
import { readingOf } from '../../protocol/conversation/reading';
import { RASTER_HEAD_BYTES, rasterTypeOf } from '../../protocol/documents/raster-type';
import { throwIfCancelled } from '../store/errors';
import { base64Of, type FileReader } from './write-document-stream';
import { htmlOfMessage } from './html-message';
import { HTML_STYLE } from './html-style';

/** Bytes of one picture written into the file; larger ones make files no browser opens in a moment. */
const MAX_IMAGE_BYTES = 33_554_432;

interface HtmlOptions {
  readonly title: string;
  readonly count: number;
  readonly read: (index: number) => Promise<Conversation>;
  readonly files: FileReader;
  readonly signal: AbortSignal | undefined;
  readonly onWritten: (index: number) => void;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function head(title: string): string {
  return [
    '<!doctype html>',
    '<html lang="und"><head><meta charset="utf-8">',
    // Nothing is fetched and nothing runs, whatever a conversation says.
    `<meta http-equiv="content-security-policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title><style>${HTML_STYLE}</style></head><body>`,
    '',
  ].join('\n');
}

/** The first bytes of a stored file and the stream they were taken from. */
async function peek(
  files: FileReader,
  sha256: string,
): Promise<{ readonly type: string; readonly bytes: AsyncIterable<Uint8Array> } | null> {
  let type: string | null = null;
  for await (const chunk of files.read(sha256)) {
    type = rasterTypeOf(chunk.subarray(0, RASTER_HEAD_BYTES));
    break;
  }
  return type === null ? null : { type, bytes: files.read(sha256) };
}

async function* picture(files: FileReader, sha256: string): AsyncGenerator<Buffer> {
  const found = await peek(files, sha256);
  if (found === null) return;
  yield Buffer.from(`data:${found.type};base64,`);
  yield* base64Of(found.bytes);
}

async function* conversationHtml(conversation: Conversation, files: FileReader): AsyncGenerator<Buffer> {
  const reading = readingOf(conversation, null);
  const about = [reading.platform, reading.model, reading.createdAt.slice(0, 10)].filter((entry) => entry !== null);
  yield Buffer.from(
    `<main><h1>${escaped(reading.title || 'Conversation')}</h1><p class="about">${escaped(about.join(' · '))}</p>\n`,
  );
  const sizes = new Map(
    (conversation.attachments ?? []).map((attachment) => [attachment.checksum.value, attachment.size_bytes]),
  );
  const mark = randomUUID();
  for (const message of reading.messages) {
    if (message.isHidden || message.parts.length === 0) continue;
    const hashes: string[] = [];
    const html = htmlOfMessage(message, (sha256) => {
      if ((sizes.get(sha256) ?? 0) > MAX_IMAGE_BYTES) return null;
      hashes.push(sha256);
      return `${mark}-${hashes.length - 1}-`;
    });
    let at = 0;
    for (const [index, sha256] of hashes.entries()) {
      const placeholder = `${mark}-${index}-`;
      const found = html.indexOf(placeholder, at);
      if (found < 0) continue;
      yield Buffer.from(html.slice(at, found));
      yield* picture(files, sha256);
      at = found + placeholder.length;
    }
    yield Buffer.from(`${html.slice(at)}\n`);
  }
  yield Buffer.from('</main>\n');
}

/** Conversations as one page that holds everything it shows: no script, nothing from elsewhere, pictures inside. */
export async function* writeHtml(options: HtmlOptions): AsyncGenerator<Buffer> {
  yield Buffer.from(head(options.title));
  for (let index = 0; index < options.count; index += 1) {
    throwIfCancelled(options.signal);
    yield* conversationHtml(await options.read(index), options.files);
    options.onWritten(index);
  }
  yield Buffer.from('</body></html>\n');
}
