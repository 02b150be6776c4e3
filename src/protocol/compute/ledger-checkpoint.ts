import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Count, Identifier, Maybe, PublicKey, Sha256Text, Signature, Timestamp } from '../documents/fields';
import { failure, success, type Result } from '../result';
import type { Cryptography, Ed25519, Signer } from '../signing/ed25519';
import { KeyLink, readKeyLink } from '../trust/key-link';
import { hashOf, isSignedBy, signStatement } from '../trust/statement';

/** `previous_hash` of the first checkpoint, and `head_hash` of a ledger without entries. */
export const NO_HASH = '0'.repeat(64);

/** Largest amount a ledger can hold, in GFT: 2^53 micro-GFT. */
const MAX_GFT = Number.MAX_SAFE_INTEGER / 1_000_000;

/**
 * A coordinator's signed word on its ledger at one moment (tore-0001, ours): so many entries, the hash of the last one,
 * and the sum of all balances. Whoever keeps a checkpoint can later tell whether an entry before it was changed, left out
 * or added, however the coordinator's own database looks. Checkpoints refer to each other by hash, so none can be
 * exchanged afterwards without all later ones.
 */
export const LedgerCheckpoint = Type.Object({
  tore_spec: Type.Literal('tore-0001'),
  type: Type.Literal('ledger-checkpoint'),
  coordinator_id: Identifier,
  /** Position in the chain of checkpoints, from 1. */
  number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  /** Entries of the ledger the checkpoint covers, the first to this one. */
  entries: Count,
  /** `entry_hash` of the last of them; 64 zeros for none. */
  head_hash: Sha256Text,
  /** Sum of all balances in GFT, with at most six fraction digits. */
  supply: Type.Number({ minimum: 0, maximum: MAX_GFT }),
  issued_at: Timestamp,
  /** Key that signed. */
  public_key: PublicKey,
  /** SHA-256 of the canonical JSON of the checkpoint before, with its signature; 64 zeros for the first. */
  previous_hash: Sha256Text,
  /** In the first checkpoint of a new key: the old key hands over to it. */
  key_link: Maybe(KeyLink),
  signature: Signature,
});
export type LedgerCheckpoint = Static<typeof LedgerCheckpoint>;

export type CheckpointResult<Value> = Result<Value, 'checkpoint-invalid'>;

const checker = Compile(LedgerCheckpoint);

function invalid(message: string): ReturnType<typeof failure<'checkpoint-invalid'>> {
  return failure('checkpoint-invalid', message);
}

/** Signs a checkpoint with the key it names. */
export function signCheckpoint(
  unsigned: Omit<LedgerCheckpoint, 'tore_spec' | 'type' | 'signature' | 'public_key'>,
  signer: Signer,
  ed25519: Ed25519,
): LedgerCheckpoint {
  const statement = {
    tore_spec: 'tore-0001',
    type: 'ledger-checkpoint',
    ...unsigned,
    public_key: signer.publicKey,
  } as const;
  return signStatement(statement, signer, ed25519);
}

/** Reads a checkpoint from outside: its form and its signature by the key inside it. Works without a network. */
export function readCheckpoint(value: unknown, ed25519: Ed25519): CheckpointResult<LedgerCheckpoint> {
  if (!checker.Check(value)) {
    const [first] = checker.Errors(value);
    const place = first === undefined || first.instancePath === '' ? '' : ` (${first.instancePath})`;
    return invalid(`This is not a valid checkpoint: it ${first?.message ?? 'does not fit'}${place}.`);
  }
  if (!isSignedBy(value, value.public_key, ed25519)) {
    return invalid(
      `The signature of checkpoint ${value.number} does not hold: it was forged or changed after signing.`,
    );
  }
  return success(value);
}

/** What the next checkpoint refers to. Fails for texts without a canonical form, which no signed checkpoint has. */
export function checkpointHash(checkpoint: LedgerCheckpoint, cryptography: Cryptography): CheckpointResult<string> {
  const hash = hashOf(checkpoint, cryptography);
  return hash.ok ? hash : invalid(hash.error.message);
}

function checkSuccession(
  before: LedgerCheckpoint,
  after: LedgerCheckpoint,
  cryptography: Cryptography,
): CheckpointResult<null> {
  const what = `Checkpoint ${after.number}`;
  const hash = checkpointHash(before, cryptography);
  if (!hash.ok) return hash;
  if (after.coordinator_id !== before.coordinator_id) return invalid(`${what} is of another coordinator.`);
  if (after.number !== before.number + 1) return invalid(`Checkpoint ${before.number + 1} is missing.`);
  if (after.previous_hash !== hash.value) return invalid(`${what} does not follow the one before it.`);
  if (after.entries < before.entries) return invalid(`${what} covers fewer entries than the one before it.`);
  if (after.public_key === before.public_key) return success(null);
  if (after.key_link === undefined || after.key_link === null) {
    return invalid(`${what} is signed by another key than the one before it, and no key was handed over.`);
  }
  const link = readKeyLink(after.key_link, cryptography);
  if (!link.ok) return invalid(`${what}: ${link.error.message}`);
  const { node_id: of, old_public_key: old, new_public_key: next } = link.value;
  const fits = of === after.coordinator_id && old === before.public_key && next === after.public_key;
  return fits ? success(null) : invalid(`The key link in checkpoint ${after.number} is for other keys.`);
}

/**
 * Reads checkpoints that follow each other, oldest first. A list may begin anywhere in the chain; one that begins with
 * number 1 must refer to nothing before it.
 *
 * @returns the checkpoints, at least one
 */
export function readCheckpoints(
  values: readonly unknown[],
  cryptography: Cryptography,
): CheckpointResult<readonly [LedgerCheckpoint, ...LedgerCheckpoint[]]> {
  const [start, ...rest] = values;
  if (values.length === 0) return invalid('There is no checkpoint in this file.');
  const first = readCheckpoint(start, cryptography);
  if (!first.ok) return first;
  if (first.value.number === 1 && first.value.previous_hash !== NO_HASH) {
    return invalid('The first checkpoint refers to one before it.');
  }
  const read: [LedgerCheckpoint, ...LedgerCheckpoint[]] = [first.value];
  let before = first.value;
  for (const value of rest) {
    const next = readCheckpoint(value, cryptography);
    if (!next.ok) return next;
    const follows = checkSuccession(before, next.value, cryptography);
    if (!follows.ok) return follows;
    read.push(next.value);
    before = next.value;
  }
  return success(read);
}
