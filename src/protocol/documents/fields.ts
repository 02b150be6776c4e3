import { Type, type Static, type TSchema } from 'typebox';
import { DOCUMENT_LIMITS } from './limits';

/**
 * An optional field. `null` means absent: some implementations write every optional field, and reading them is worth
 * more than the difference. What was read is written back as it was.
 */
export function Maybe<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

const TIME_PATTERN =
  '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$';
const SHA256_PATTERN = '^[0-9a-f]{64}$';
const BASE64_PATTERN = '^[A-Za-z0-9+/]*={0,2}$';
// The last digit before the padding has unused bits; they must be zero, or one key would have several spellings.
export const PUBLIC_KEY_PATTERN = '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$';
const KEY_ID_PATTERN = '^[0-9a-f]{16}$';
const SIGNATURE_PATTERN = '^[A-Za-z0-9+/]{85}[AQgw]==$';

/** What a text that misses a pattern should have been; nobody reads a pattern in a message. */
export const SENTENCES_BY_PATTERN: Readonly<Record<string, string>> = {
  [TIME_PATTERN]: 'This must be a time by RFC 3339, such as 2026-03-01T10:00:00Z.',
  [SHA256_PATTERN]: 'This must be a SHA-256 in 64 lower-case hexadecimal digits.',
  [BASE64_PATTERN]: 'This must be base64 with padding and without line breaks.',
  [PUBLIC_KEY_PATTERN]: 'This must be an Ed25519 public key: 32 bytes in base64 with padding.',
  [KEY_ID_PATTERN]: 'This must be the id of a key: 16 lower-case hexadecimal digits.',
  [SIGNATURE_PATTERN]: 'This must be an Ed25519 signature: 64 bytes in base64 with padding.',
};

/** Names an object inside a document. UUID (v7 where we mint it); ids kept from other products are other strings. */
export const Identifier = Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxIdLength });

/** Time by RFC 3339; we write UTC (`2026-03-01T10:00:00.000Z`) and read any offset. That the day exists is checked apart. */
export const Timestamp = Type.String({ maxLength: 64, pattern: TIME_PATTERN });

/** A short text on one line: a title, a name, a type. */
export const Name = Type.String({ maxLength: DOCUMENT_LIMITS.maxNameLength });
/** A text of any sensible length. */
export const Text = Type.String({ maxLength: DOCUMENT_LIMITS.maxTextLength });
/** An address. Not resolved and not fetched by reading; relative and product-specific ones are allowed. */
export const Uri = Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxUriLength });
export const MediaType = Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength });

/** Fields of other programs, kept as they are. We always write it; a document without it is read as one with `{}`. */
export const Metadata = Maybe(Type.Record(Type.String(), Type.Unknown()));
export type Metadata = Record<string, unknown>;

/** A model by its name, or by provider and name. */
export const ModelReference = Type.Union([
  Name,
  Type.Object({
    provider: Maybe(Name),
    model_id: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }),
  }),
]);
export type ModelReference = Static<typeof ModelReference>;

/** SHA-256 in lower-case hexadecimal. */
export const Sha256Text = Type.String({ pattern: SHA256_PATTERN });

/** SHA-256 of the content. */
export const Checksum = Type.Object({ algorithm: Type.Literal('sha-256'), value: Sha256Text });
export type Checksum = Static<typeof Checksum>;

/** A count of bytes, tokens or pixels: an integer a JSON reader keeps exact. */
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Content in base64 by RFC 4648 section 4, padded, without line breaks. */
export const InlineData = Type.String({ maxLength: DOCUMENT_LIMITS.maxInlineDataLength, pattern: BASE64_PATTERN });

/** Raw Ed25519 public key, 32 bytes in padded base64. */
export const PublicKey = Type.String({ pattern: PUBLIC_KEY_PATTERN });

/**
 * Name of a key: the first 16 hexadecimal digits of the SHA-256 of the raw 32-byte public key. Long enough to tell the
 * keys of one document apart; it never replaces the check of the signature against the whole key.
 */
export const KeyId = Type.String({ pattern: KEY_ID_PATTERN });

/** A detached Ed25519 signature (RFC 8032), 64 bytes in padded base64. */
export const Signature = Type.Object({
  alg: Type.Literal('Ed25519'),
  key_id: KeyId,
  value: Type.String({ pattern: SIGNATURE_PATTERN }),
});
export type Signature = Static<typeof Signature>;
