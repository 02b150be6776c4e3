import { validateConversation } from '../conversation/check-conversation';
import type { Conversation } from '../conversation/conversation';
import { validateProject } from '../project/check-project';
import type { Project } from '../project/project';
import { validateSession } from '../session/check-session';
import type { GroupSession } from '../session/session';
import type { Agreement } from '../trust/agreement';
import { validateAgreement, validatePartlySignedAgreement } from '../trust/check-agreement';
import { validateDiscoveryRecord, validateUnsignedDiscoveryRecord } from '../trust/check-discovery';
import type { DiscoveryRecord, UnsignedDiscoveryRecord } from '../trust/discovery';
import { documentFailure, type DocumentErrorCode, type DocumentFailure, type DocumentResult } from './errors';
import { DOCUMENT_LIMITS } from './limits';
import { quoted } from './problems';
import { findJsonFault } from './scan-json';
import { decodeUtf8, utf8Bytes } from './utf-8';

/** The documents of the family. */
export type DocumentKind = 'conversation' | 'project' | 'session' | 'discovery' | 'agreement';

/** A document with what it is. */
export type ToreDocument =
  | { readonly kind: 'conversation'; readonly document: Conversation }
  | { readonly kind: 'project'; readonly document: Project }
  | { readonly kind: 'session'; readonly document: GroupSession }
  | { readonly kind: 'discovery'; readonly document: DiscoveryRecord }
  | { readonly kind: 'agreement'; readonly document: Agreement };

/** A document that its signers may not have finished with. */
export type DraftDocument = ToreDocument | { readonly kind: 'discovery'; readonly document: UnsignedDiscoveryRecord };

/** What people call each kind, and how its files end; the first ending is the one we write. */
export const DOCUMENT_KINDS: Readonly<
  Record<DocumentKind, { readonly noun: string; readonly spec: string; readonly endings: readonly string[] }>
> = {
  conversation: { noun: 'conversation', spec: 'tore-0005', endings: ['.tore5.json', '.tore5', '.tore.json'] },
  project: { noun: 'project', spec: 'tore-0004', endings: ['.tore4.json', '.tore4'] },
  session: { noun: 'group session', spec: 'tore-0003', endings: ['.tore3.json', '.tore3'] },
  discovery: { noun: 'discovery record', spec: 'tore-0002', endings: ['.tore2-discovery.json'] },
  agreement: { noun: 'agreement', spec: 'tore-0002', endings: ['.tore2-agreement.json'] },
};

/** Options of reading. */
export interface ReadOptions {
  /** The kind that is wanted; another one is a failure `other-kind`, and messages name this one. */
  readonly expected?: DocumentKind;
  /** Smaller limits than the general ones, never larger. */
  readonly maxBytes?: number;
}

function articleFor(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}

/** What the text seems to be, for messages about a file that cannot be parsed. */
function likelyNoun(text: string, expected: DocumentKind | undefined): string {
  if (expected !== undefined) return DOCUMENT_KINDS[expected].noun;
  const spec = /"tore_spec"\s*:\s*"(tore-000[2-5])"/.exec(text.slice(0, 4_096))?.[1];
  const kind = Object.values(DOCUMENT_KINDS).find((known) => known.spec === spec && spec !== 'tore-0002');
  return kind?.noun ?? 'tore document';
}

function unreadable(
  code: DocumentErrorCode,
  noun: string,
  reason: string,
  byteOffset?: number,
): { readonly ok: false; readonly error: DocumentFailure } {
  const place = byteOffset === undefined ? '' : ` (byte ${byteOffset.toLocaleString('en-US')})`;
  return documentFailure(
    code,
    `This file is not ${articleFor(noun)} ${noun}: ${reason}${place}.`,
    byteOffset === undefined ? {} : { byteOffset },
  );
}

const BYTE_ORDER_MARK = '\uFEFF';
const BYTE_ORDER_MARK_BYTES = 3;

/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/** The size of an input in bytes; of a text only as exactly as needed to compare it with a limit. */
function sizeBytesAtLeast(input: string | Uint8Array, limit: number): number {
  const needsCounting = typeof input === 'string' && input.length <= limit && input.length * MAX_BYTES_PER_UNIT > limit;
  return needsCounting ? utf8Bytes(input) : input.length;
}

/**
 * Reads strict JSON: UTF-8, every name once in its object, only numbers that a double keeps, bounded depth and size.
 * Lone surrogates written as escapes are kept; a field called `__proto__` is a field like any other.
 */
export function readJson(input: string | Uint8Array, options: ReadOptions = {}): DocumentResult<unknown> {
  const maxBytes = Math.min(options.maxBytes ?? DOCUMENT_LIMITS.maxBytes, DOCUMENT_LIMITS.maxBytes);
  const nounOf = (text: string): string => likelyNoun(text, options.expected);
  if (sizeBytesAtLeast(input, maxBytes) > maxBytes) {
    return unreadable('too-large', nounOf(''), `it is larger than ${maxBytes.toLocaleString('en-US')} bytes`);
  }
  const decoded = typeof input === 'string' ? { text: input } : decodeUtf8(input);
  if ('badByteAt' in decoded) return unreadable('not-utf8', nounOf(''), 'it is not UTF-8 text', decoded.badByteAt);
  const marked = decoded.text.startsWith(BYTE_ORDER_MARK);
  const text = marked ? decoded.text.slice(1) : decoded.text;
  const noun = nounOf(text);
  if (text.trim() === '') return unreadable('empty', noun, 'it is empty');
  const fault = findJsonFault(text, DOCUMENT_LIMITS);
  if (fault !== null) {
    const byteOffset = utf8Bytes(text, fault.index) + (marked ? BYTE_ORDER_MARK_BYTES : 0);
    return unreadable(fault.code, noun, fault.reason, byteOffset);
  }
  const value: unknown = JSON.parse(text);
  return { ok: true, value };
}

function fieldOf(value: object, name: string): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(value, name);
  const field: unknown = descriptor?.value;
  return field;
}

/** Which kind a parsed value says it is. */
export function detectKind(value: unknown): DocumentResult<DocumentKind> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return unreadable('not-a-document', 'tore document', 'it is not a JSON object');
  }
  const spec = fieldOf(value, 'tore_spec');
  if (typeof spec !== 'string') {
    return unreadable(
      'not-a-document',
      'tore document',
      'it does not say which specification it follows ("tore_spec")',
    );
  }
  if (spec === 'tore-0002') {
    const type = fieldOf(value, 'type');
    if (type === 'discovery' || type === 'agreement') return { ok: true, value: type };
    return unreadable('not-a-document', 'tore-0002 document', 'its "type" is neither "discovery" nor "agreement"');
  }
  const kind = (['conversation', 'project', 'session'] as const).find((known) => DOCUMENT_KINDS[known].spec === spec);
  if (kind !== undefined) return { ok: true, value: kind };
  return documentFailure(
    'unknown-spec',
    spec === 'tore-0001'
      ? 'tore-0001 is a protocol between computers; there are no documents of it.'
      : `This file follows ${quoted(spec)}, which this version does not know.`,
    { suggestion: 'Open it with the program that wrote it, or with a newer version of this one.' },
  );
}

function wrap<Kind extends DocumentKind, Document>(
  kind: Kind,
  result: DocumentResult<Document>,
): DocumentResult<{ readonly kind: Kind; readonly document: Document }> {
  return result.ok ? { ok: true, value: { kind, document: result.value } } : result;
}

/** Checks a parsed value as the document it says it is. */
export function validateDocument(value: unknown, options: ReadOptions = {}): DocumentResult<ToreDocument> {
  const kind = detectKind(value);
  if (!kind.ok) return kind;
  const { expected } = options;
  if (expected !== undefined && kind.value !== expected) {
    const [found, wanted] = [DOCUMENT_KINDS[kind.value].noun, DOCUMENT_KINDS[expected].noun];
    return documentFailure(
      'other-kind',
      `This file is ${articleFor(found)} ${found}, not ${articleFor(wanted)} ${wanted}.`,
    );
  }
  switch (kind.value) {
    case 'conversation':
      return wrap('conversation', validateConversation(value));
    case 'project':
      return wrap('project', validateProject(value));
    case 'session':
      return wrap('session', validateSession(value));
    case 'discovery':
      return wrap('discovery', validateDiscoveryRecord(value));
    case 'agreement':
      return wrap('agreement', validateAgreement(value));
  }
}

/** Checks a parsed value as a document that may lack signatures. */
export function validateDraft(value: unknown): DocumentResult<DraftDocument> {
  const kind = detectKind(value);
  if (!kind.ok) return kind;
  if (kind.value === 'agreement') return wrap('agreement', validatePartlySignedAgreement(value));
  if (kind.value !== 'discovery') return validateDocument(value);
  const signed = validateDiscoveryRecord(value);
  return signed.ok ? wrap('discovery', signed) : wrap('discovery', validateUnsignedDiscoveryRecord(value));
}

/**
 * Reads a document of the family from the bytes or the text of a file. Nothing it refers to is fetched; the checksums of
 * inline attachments are verified apart, where SHA-256 is at hand.
 */
export function readDocument(input: string | Uint8Array, options: ReadOptions = {}): DocumentResult<ToreDocument> {
  const json = readJson(input, options);
  return json.ok ? validateDocument(json.value, options) : json;
}
