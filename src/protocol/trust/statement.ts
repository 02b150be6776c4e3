import { Type, type Static, type TObject } from 'typebox';
import { Compile } from 'typebox/compile';
import { Signature } from '../documents/fields';
import { isShallow } from '../documents/shallow-json';
import { utf8Bytes } from '../documents/utf-8';
import { canonicalJson } from '../signing/canonical-json';
import type { Cryptography, Ed25519, Signer } from '../signing/ed25519';
import { refuseTrust, type TrustResult } from './errors';

/*
 * Small signed objects beside the documents of the family: key links, handshake messages, withdrawals, requests. Each is
 * signed like a document: Ed25519 over the RFC 8785 text of the object without `signature`. What kind of object it is and
 * whom it is for is inside, so that none can be passed off as another.
 */

/** An object with one signature in its field `signature`. */
export interface Signed {
  readonly signature: Signature;
}

/** The text that is signed. */
export function statementText(statement: object): TrustResult<string> {
  const bare = Object.fromEntries(Object.entries(statement).filter(([name]) => name !== 'signature'));
  return boundedCanonicalJson(bare);
}

/** Canonical JSON of a value from outside, which may be nested without end. */
export function boundedCanonicalJson(value: unknown): TrustResult<string> {
  const text = canonicalJson(value);
  if (text.ok) return text;
  return refuseTrust(isShallow(value) ? 'not-canonical' : 'message-invalid', text.error.message);
}

/** Signs an object; it then carries `signature`. Throws for a text with half a character, which no caller writes. */
export function signStatement<Unsigned extends object>(
  statement: Unsigned,
  signer: Signer,
  ed25519: Ed25519,
): Unsigned & Signed {
  const text = statementText(statement);
  if (!text.ok) throw new TypeError(text.error.message);
  const signature = {
    alg: 'Ed25519',
    key_id: ed25519.keyIdOf(signer.publicKey),
    value: signer.sign(text.value),
  } as const;
  return { ...statement, signature };
}

/** Whether the signature of an object is by a key. */
export function isSignedBy(statement: Signed, publicKey: string, ed25519: Ed25519): boolean {
  if (statement.signature.key_id !== ed25519.keyIdOf(publicKey)) return false;
  const text = statementText(statement);
  return text.ok && ed25519.verify(publicKey, text.value, statement.signature.value);
}

/** SHA-256 over the canonical JSON of a value: what evidence refers to. */
export function hashOf(value: unknown, cryptography: Cryptography): TrustResult<string> {
  const text = boundedCanonicalJson(value);
  return text.ok ? { ok: true, value: cryptography.sha256(text.value) } : text;
}

/** Fields every signed object of tore-0002 has. Unknown fields beside them are allowed and covered by the signature. */
export function statementFields<Name extends string>(type: Name) {
  return {
    tore_spec: Type.Literal('tore-0002'),
    type: Type.Literal(type),
    signature: Signature,
  };
}

/** Makes the reader of one kind of signed object: size first, then schema. `noun` is for messages. */
export function statementReader<Schema extends TObject>(
  schema: Schema,
  noun: string,
  maxBytes: number,
): (value: unknown) => TrustResult<Static<Schema>> {
  const checker = Compile(schema);
  return (value) => {
    if (!checker.Check(value)) {
      const [first] = checker.Errors(value);
      const place = first === undefined || first.instancePath === '' ? '' : ` (${first.instancePath})`;
      return refuseTrust(
        'message-invalid',
        `This is not a valid ${noun}: it ${first?.message ?? 'does not fit'}${place}.`,
      );
    }
    const text = boundedCanonicalJson(value);
    if (!text.ok) return text;
    if (utf8Bytes(text.value) > maxBytes) {
      return refuseTrust('message-too-large', `This ${noun} is larger than ${maxBytes.toLocaleString('en-US')} bytes.`);
    }
    return { ok: true, value };
  };
}
