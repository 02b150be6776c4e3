import { entryOf } from './source-values';

const BY_ENDING: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  heic: 'image/heic',
  svg: 'image/svg+xml',
  pdf: 'application/pdf',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  m4a: 'audio/mp4',
  ogg: 'audio/ogg',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  json: 'application/json',
  html: 'text/html',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  zip: 'application/zip',
};

/** Endings of files that hold pictures, sound or packed things and never conversations. */
const MEDIA_ENDING =
  /\.(?:png|jpe?g|gif|webp|heic|avif|bmp|tiff?|svg|ico|mp3|wav|m4a|ogg|flac|aac|mp4|m4v|webm|mov|avi|mkv|pdf|docx?|xlsx?|pptx?|dat|bin|zip|gz|7z|rar|woff2?|ttf)$/i;

/** Whether a file's name says that it is an attached file rather than data of the export. */
export function hasMediaEnding(name: string): boolean {
  return MEDIA_ENDING.test(name);
}

function startsWith(head: Uint8Array, text: string, at = 0): boolean {
  return Buffer.from(head.subarray(at, at + text.length)).toString('latin1') === text;
}

/** Media type by the first bytes, then by the name; `application/octet-stream` when neither tells. */
export function mediaTypeOf(name: string, head: Uint8Array): string {
  if (startsWith(head, '\u0089PNG')) return 'image/png';
  if (startsWith(head, '\u00ff\u00d8\u00ff')) return 'image/jpeg';
  if (startsWith(head, 'GIF8')) return 'image/gif';
  if (startsWith(head, 'RIFF') && startsWith(head, 'WEBP', 8)) return 'image/webp';
  if (startsWith(head, 'RIFF') && startsWith(head, 'WAVE', 8)) return 'audio/wav';
  if (startsWith(head, '%PDF')) return 'application/pdf';
  const ending = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return entryOf(BY_ENDING, ending) ?? 'application/octet-stream';
}
