import { LibraryError } from '../store/errors';
import { IMPORT_LIMITS } from './limits';

/** Why a value of a file was not taken. */
export type SliceFault = 'too-large' | 'too-deep' | 'truncated';

/** The bytes of one value: an element of the list a file is, or one of the values a file is a sequence of. */
export interface JsonSlice {
  /** Null when the value was not kept because of its fault. */
  readonly bytes: Buffer | null;
  readonly fault: SliceFault | null;
  readonly sizeBytes: number;
  /** The most it may have: a record of a list less than a document of its own. */
  readonly limitBytes: number;
  /** Where it starts in the file. */
  readonly byteOffset: number;
  /** Colons outside texts: as many as the value has members, when no name comes twice in one object. */
  readonly memberCount: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether the byte at `end` is escaped by the backslashes before it, `carried` being an odd run before `start`. */
function isEscaped(bytes: Buffer, start: number, end: number, carried: boolean): boolean {
  let at = end - 1;
  while (at >= start && bytes[at] === BACKSLASH) at -= 1;
  const odd = (end - 1 - at) % 2 === 1;
  return at < start ? odd !== carried : odd;
}

/** Where in the file the slicer is: before anything, where a value may begin, in one, behind one, behind the list. */
type Place = 'start' | 'before-value' | 'in-value' | 'after-value' | 'end';

/**
 * Cuts JSON into its records without parsing it: the elements of the list when the file is a list, else the values it is a
 * sequence of (one object, or one per line). It looks at brackets, quotes and backslashes only, so it passes a gigabyte in
 * seconds and holds no more than one record; what is inside a record is checked where it is parsed.
 *
 * @throws {LibraryError} `content-invalid` when what stands between the records is not JSON.
 */
export class JsonSlicer {
  #place: Place = 'start';
  #isList = false;
  #offset = 0;
  #depth = 0;
  #inText = false;
  #escapeCarried = false;
  #parts: Buffer[] = [];
  #sizeBytes = 0;
  #memberCount = 0;
  #fault: SliceFault | null = null;
  #start = 0;
  #ready: JsonSlice[] = [];
  #bomSeen = 0;

  /** Takes the next bytes of the file and returns the values that are complete now. */
  push(bytes: Buffer): readonly JsonSlice[] {
    let at = 0;
    while (at < bytes.length) {
      at = this.#place === 'in-value' ? this.#value(bytes, at) : this.#between(bytes, at);
    }
    this.#offset += bytes.length;
    return this.#take();
  }

  /** Tells that the file has ended, and returns what is left: a value that a cut-off file ends in. */
  end(): readonly JsonSlice[] {
    if (this.#place === 'in-value') {
      if (this.#depth > 0 || this.#inText) this.#fault = 'truncated';
      this.#finish();
    } else if (this.#isList && this.#place !== 'end') {
      this.#ready.push({
        bytes: null,
        fault: 'truncated',
        sizeBytes: 0,
        limitBytes: this.#limitBytes,
        byteOffset: this.#offset,
        memberCount: 0,
      });
    }
    return this.#take();
  }

  #take(): readonly JsonSlice[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #between(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (isSpace(byte)) continue;
      if (this.#place === 'start' && this.#offset + at < 3 && byte === BYTE_ORDER_MARK[this.#bomSeen]) {
        this.#bomSeen += 1;
        continue;
      }
      if (this.#place === 'start' && byte === OPEN_ARRAY) {
        this.#isList = true;
        this.#place = 'before-value';
        continue;
      }
      if (this.#isList && byte === CLOSE_ARRAY && this.#place !== 'end') {
        this.#place = 'end';
        continue;
      }
      if (this.#place === 'after-value' && byte === COMMA) {
        this.#place = 'before-value';
        continue;
      }
      if (this.#place === 'after-value' || this.#place === 'end') this.#broken(at);
      this.#begin(at);
      return at;
    }
    return bytes.length;
  }

  #broken(at: number): never {
    throw new LibraryError(
      'content-invalid',
      `The file is not whole JSON: something unexpected stands at byte ${(this.#offset + at).toLocaleString('en-US')}.`,
      { suggestion: 'Download the export again; the file may be damaged.' },
    );
  }

  #begin(at: number): void {
    this.#place = 'in-value';
    this.#start = this.#offset + at;
    this.#depth = 0;
    this.#inText = false;
    this.#escapeCarried = false;
    this.#sizeBytes = 0;
    this.#memberCount = 0;
    this.#fault = null;
    this.#parts = [];
  }

  /** Goes on in a value; returns where it ends or the end of the bytes. */
  #value(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#inText) {
        at = this.#text(bytes, at);
        if (this.#inText) break;
        if (this.#depth === 0) return this.#close(bytes, from, at);
        continue;
      }
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#inText = true;
        this.#escapeCarried = false;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.#depth += 1;
        if (this.#depth > IMPORT_LIMITS.maxDepth) this.#fault ??= 'too-deep';
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (this.#depth === 0) return this.#close(bytes, from, at);
        this.#depth -= 1;
        if (this.#depth === 0) return this.#close(bytes, from, at + 1);
      } else if (byte === COLON) {
        this.#memberCount += 1;
      } else if (this.#depth === 0 && (byte === COMMA || isSpace(byte))) {
        return this.#close(bytes, from, at);
      }
      at += 1;
    }
    this.#keep(bytes, from, bytes.length);
    return bytes.length;
  }

  /** Goes on in a text; returns the position behind its closing quote or the end of the bytes. */
  #text(bytes: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at);
      if (quote === -1) {
        this.#escapeCarried = isEscaped(bytes, from, bytes.length, this.#escapeCarried);
        return bytes.length;
      }
      if (!isEscaped(bytes, from, quote, this.#escapeCarried)) {
        this.#inText = false;
        return quote + 1;
      }
      at = quote + 1;
    }
  }

  get #limitBytes(): number {
    return this.#isList ? IMPORT_LIMITS.maxRecordBytes : IMPORT_LIMITS.maxObjectBytes;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    this.#sizeBytes += to - from;
    if (this.#sizeBytes > this.#limitBytes) this.#fault ??= 'too-large';
    if (this.#fault === null) this.#parts.push(bytes.subarray(from, to));
    else this.#parts = [];
  }

  #close(bytes: Buffer, from: number, to: number): number {
    this.#keep(bytes, from, to);
    this.#finish();
    // A stray bracket or comma where a value belongs would otherwise be an endless row of empty values.
    if (this.#sizeBytes === 0) this.#broken(to);
    return to;
  }

  #finish(): void {
    const [only] = this.#parts;
    const whole = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    this.#ready.push({
      bytes: this.#fault === null ? whole : null,
      fault: this.#fault,
      sizeBytes: this.#sizeBytes,
      limitBytes: this.#limitBytes,
      byteOffset: this.#start,
      memberCount: this.#memberCount,
    });
    this.#parts = [];
    this.#place = this.#isList ? 'after-value' : 'before-value';
  }
}

/** The records of a file, one after another; see `JsonSlicer`. */
export async function* sliceJson(source: AsyncIterable<Buffer>): AsyncGenerator<JsonSlice> {
  const slicer = new JsonSlicer();
  for await (const bytes of source) yield* slicer.push(bytes);
  yield* slicer.end();
}
