/** The part of the platform's decoder that is needed; every runtime of the project has it. */
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

/** Bytes a sequence has by its first byte, or 0 when no sequence starts so. */
function sequenceBytes(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/** Lowest and highest second byte: excludes overlong forms, surrogates and what lies beyond U+10FFFF. */
function secondByteRange(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  return first === 0xf4 ? [0x80, 0x8f] : [0x80, 0xbf];
}

/** Position of the first byte that is not UTF-8 (RFC 3629), or -1. */
function firstBadByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] ?? 0;
    const length = sequenceBytes(first);
    if (length === 0) return at;
    for (let step = 1; step < length; step += 1) {
      const [lowest, highest] = step === 1 ? secondByteRange(first) : [0x80, 0xbf];
      const byte = bytes[at + step];
      if (byte === undefined || byte < lowest || byte > highest) return at;
    }
    at += length;
  }
  return -1;
}

/** Decodes UTF-8 strictly and keeps a byte order mark; the offset of the first wrong byte when that fails. */
export function decodeUtf8(bytes: Uint8Array): { readonly text: string } | { readonly badByteAt: number } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (thrown) {
    // The platform's decoder is fast but does not say where it stopped.
    const badByteAt = firstBadByte(bytes);
    if (badByteAt === -1) throw thrown;
    return { badByteAt };
  }
}

/** Bytes of UTF-8 that the first `end` UTF-16 units of a text take; a lone surrogate counts three. */
export function utf8Bytes(text: string, end: number = text.length): number {
  let bytes = 0;
  for (let index = 0; index < end; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1)) && index + 1 < end) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}
