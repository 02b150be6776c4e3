import { createHash, createHmac, hkdfSync, randomInt, scryptSync, timingSafeEqual } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { FailureDocument } from '../../protocol/failure-document';
import type { NodeState, ShardReport } from '../../protocol/compute/node-snapshot';
import type { Failure } from '../../protocol/result';

/*
 * One window steers several machines: a sealed conversation between the app (controller) and a headless node (host), over
 * a WebSocket that need not be trusted.
 *
 *   controller                                         host
 *                    ◀──── hello {nonce, key, ephemeral}
 *   greet {nonce, key, ephemeral, intent} ────▶          both: X25519 secret, HKDF salted with the whole greeting
 *   sealed: {signature, name, proof?}     ────▶          Ed25519 over the greeting; a proof of the code when pairing
 *                    ◀──── sealed: {signature, proof?}   the same of the host, which the controller compares with its pin
 *   sealed requests  ◀───▶ sealed answers
 *
 * Pairing: the code is shown in the host's terminal and typed in the app. Both prove that they know it by an HMAC over the
 * greeting under a key that scrypt makes of it, so that a stranger between them, whose greeting differs on either side,
 * has to guess 60 bits within the ten minutes the code lives, and each side then pins the other's key.
 */

export const REMOTE_PATH = '/remote-control';
export const REMOTE_SUBPROTOCOL = 'tore.v1.remote';

export const REMOTE_LIMITS = {
  /** A greeting that takes longer is none. */
  greetingMs: 10_000,
  maxConnections: 8,
  maxMessageBytes: 256 * 1_024,
  /** Requests of one connection within ten seconds; a window that looks every few seconds needs a few. */
  requestsPer10Seconds: 40,
  /** Greetings of one address that may fail within a minute. */
  failuresPerMinute: 5,
  /** Wrong proofs after which a code is void. */
  wrongCodes: 5,
  codeLifetimeMs: 600_000,
  /** Controllers a host knows. */
  maxPaired: 20,
  logLines: 300,
} as const;

/** Without letters that look like digits: I, L, O, U. */
const CODE_LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LENGTH = 12;

/** A code of 60 random bits, as `K7QF-2M9X-HR4T`. */
export function makePairingCode(): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join('');
  return letters.replace(/(.{4})(?=.)/g, '$1-');
}

/** A typed code in the form that counts: no dashes or spaces, capitals, look-alikes as what they look like. Null: no code. */
export function normalizeCode(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  const isCode = letters.length === CODE_LENGTH && [...letters].every((letter) => CODE_LETTERS.includes(letter));
  return isCode ? letters : null;
}

const Key = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const Text64 = Type.String({ minLength: 1, maxLength: 100 });

export const HelloMessage = Type.Object({ type: Type.Literal('hello'), nonce: Text64, key: Key, ephemeral: Key });
export type HelloMessage = Static<typeof HelloMessage>;

export const GreetMessage = Type.Object({
  type: Type.Literal('greet'),
  nonce: Text64,
  key: Key,
  ephemeral: Key,
  intent: Type.Union([Type.Literal('pair'), Type.Literal('steer')]),
});
export type GreetMessage = Static<typeof GreetMessage>;

/** What each side says of itself once the line is sealed. */
export const IdentityMessage = Type.Object({
  signature: Type.String({ maxLength: 100 }),
  /** Name for people: of the app's computer, or of the host. */
  name: Type.String({ minLength: 1, maxLength: 80 }),
  proof: Type.Union([Type.String({ maxLength: 100 }), Type.Null()]),
});
export type IdentityMessage = Static<typeof IdentityMessage>;

export const RemoteRequest = Type.Object({
  id: Type.Integer({ minimum: 0, maximum: 2 ** 31 }),
  call: Type.Union([
    Type.Object({ kind: Type.Literal('status') }),
    Type.Object({
      kind: Type.Literal('pause'),
      /** Null: until resumed. */
      minutes: Type.Union([Type.Integer({ minimum: 1, maximum: 10_080 }), Type.Null()]),
    }),
    Type.Object({ kind: Type.Literal('resume') }),
    Type.Object({ kind: Type.Literal('log'), lines: Type.Integer({ minimum: 1, maximum: REMOTE_LIMITS.logLines }) }),
    Type.Object({ kind: Type.Literal('unpair') }),
  ]),
});
export type RemoteRequest = Static<typeof RemoteRequest>;

/** A host as its controllers see it: no token, no address, nothing of what is asked of it. */
export interface RemoteStatus {
  readonly appVersion: string;
  readonly state: NodeState;
  readonly sentence: string;
  readonly coordinator: string | null;
  readonly shard: Pick<ShardReport, 'modelId' | 'friendlyName' | 'range' | 'totalLayers' | 'provider'> | null;
  readonly tokensPerSecond: number | null;
  readonly requestsActive: number;
  readonly requestsServed: number;
  readonly reliability: number | null;
  readonly balanceMicroGft: number | null;
}

export const RemoteAnswer = Type.Object({
  id: Type.Integer(),
  value: Type.Optional(Type.Unknown()),
  error: Type.Optional(FailureDocument),
});
export type RemoteAnswer = {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: Failure;
};

/** Everything both sides said before the line was sealed, in one text that all proofs are about. */
export function transcriptOf(hello: HelloMessage, greet: GreetMessage): string {
  return JSON.stringify([
    'tore.v1 remote',
    hello.nonce,
    hello.key,
    hello.ephemeral,
    greet.nonce,
    greet.key,
    greet.ephemeral,
    greet.intent,
  ]);
}

export type RemoteRole = 'host' | 'controller';

/** The key a side seals its messages with: HKDF-SHA256 of the shared secret, salted with the whole greeting. */
export function sealingKey(shared: Uint8Array, transcript: string, role: RemoteRole): Uint8Array {
  const salt = createHash('sha256').update(transcript, 'utf8').digest();
  return new Uint8Array(hkdfSync('sha256', shared, salt, `tore.v1 remote key ${role}`, 32));
}

/** What a side signs with its lasting key. */
export const signedText = (transcript: string, role: RemoteRole): string => `tore.v1 remote ${role}\n${transcript}`;

/** Slow on purpose: about 30 ms for each guess of a code. */
export function codeKey(code: string): Buffer {
  return scryptSync(code, 'tore.v1 remote code', 32, { N: 16_384, r: 8, p: 1 });
}

/** Shows that one knows the code, for this greeting and this side alone. */
export function proofOf(key: Uint8Array, transcript: string, role: RemoteRole): string {
  return createHmac('sha256', key).update(signedText(transcript, role), 'utf8').digest('base64');
}

export function isProof(given: string | null, key: Uint8Array, transcript: string, role: RemoteRole): boolean {
  if (given === null) return false;
  const expected = Buffer.from(proofOf(key, transcript, role), 'base64');
  const actual = Buffer.from(given, 'base64');
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
