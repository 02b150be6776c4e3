import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { toMicroGft, toWireGft } from '../compute/micro-gft';
import { LayerRange } from '../compute/model';
import { Count, Identifier, Maybe, PublicKey, Sha256Text, Signature, Timestamp } from '../documents/fields';
import { toEpochMs } from '../documents/time';
import { utf8Bytes } from '../documents/utf-8';
import type { Cryptography, Ed25519, Signer } from '../signing/ed25519';
import type { Agreement } from '../trust/agreement';
import { actsForParty } from '../trust/agreement-keys';
import { refuseTrust, type TrustResult } from '../trust/errors';
import { boundedCanonicalJson } from '../trust/statement';
import { agreementHash } from '../trust/termination';
import { FEDERATION_LIMITS } from './limits';

const Amount = Type.Number({ minimum: 0, maximum: 9_007_199_254 });

/** One settled request, as both ledgers have it. */
export const StatementEntry = Type.Object({
  request_id: Identifier,
  served_by: PublicKey,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  /** Of a hop of a pipeline of both: the layers it did; `input_tokens` counts its positions then. */
  layers: Type.Optional(LayerRange),
  input_tokens: Count,
  output_tokens: Count,
  amount: Amount,
  settled_at: Timestamp,
  /** Where the serving side booked it, and where the asking side did; null until its receipt has come. */
  server_ref: Identifier,
  consumer_ref: Type.Union([Identifier, Type.Null()]),
});
export type StatementEntry = Static<typeof StatementEntry>;

/** What one side served, summed. */
export const StatementTotal = Type.Object({
  served_by: PublicKey,
  requests: Count,
  input_tokens: Count,
  output_tokens: Count,
  amount: Amount,
});
export type StatementTotal = Static<typeof StatementTotal>;

/**
 * What two coordinators settled with each other in a time, signed by both (tore-0002, ours): each over the RFC 8785 text
 * without `signatures`. A day in UTC, or a part of one where it has many entries.
 */
export const FederationStatement = Type.Object({
  tore_spec: Type.Literal('tore-0002'),
  type: Type.Literal('federation-statement'),
  id: Identifier,
  agreement_id: Identifier,
  agreement_hash: Sha256Text,
  /** Keys of both coordinators, in the order of their text. */
  coordinators: Type.Array(PublicKey, { minItems: 2, maxItems: 2 }),
  unit: Type.String({ minLength: 1, maxLength: 300 }),
  /** Entries settled at `from` or later, and before `to`. */
  from: Timestamp,
  to: Timestamp,
  entries: Type.Array(StatementEntry, { maxItems: FEDERATION_LIMITS.maxStatementEntries }),
  totals: Type.Array(StatementTotal, { maxItems: 2 }),
  issued_at: Timestamp,
  signatures: Type.Array(Signature, { maxItems: 2 }),
  note: Maybe(Type.String({ maxLength: 1_000 })),
});
export type FederationStatement = Static<typeof FederationStatement>;

const checker = Compile(FederationStatement);

function compareEntries(left: StatementEntry, right: StatementEntry): number {
  const [a, b] = [`${left.settled_at} ${left.request_id}`, `${right.settled_at} ${right.request_id}`];
  return a < b ? -1 : Number(a > b);
}

/** Entries in the order of a statement: by time, then by id. */
export function sortedEntries(entries: readonly StatementEntry[]): StatementEntry[] {
  return entries.toSorted(compareEntries);
}

/** Sums of entries for each serving side, exact to the millionth. */
export function totalsOf(entries: readonly StatementEntry[]): StatementTotal[] {
  const totals = new Map<string, StatementTotal>();
  for (const entry of entries) {
    const before = totals.get(entry.served_by);
    totals.set(entry.served_by, {
      served_by: entry.served_by,
      requests: (before?.requests ?? 0) + 1,
      input_tokens: (before?.input_tokens ?? 0) + entry.input_tokens,
      output_tokens: (before?.output_tokens ?? 0) + entry.output_tokens,
      amount: toWireGft(toMicroGft(before?.amount ?? 0) + toMicroGft(entry.amount)),
    });
  }
  return [...totals.values()].toSorted((left, right) => (left.served_by < right.served_by ? -1 : 1));
}

/** What two ledgers say differently about one request. */
export interface StatementDifference {
  readonly request_id: string;
  readonly kind: 'only-here' | 'only-there' | 'differs';
  readonly here: StatementEntry | null;
  readonly there: StatementEntry | null;
}

function sameEntry(left: StatementEntry, right: StatementEntry): boolean {
  return (
    left.served_by === right.served_by &&
    left.model_id === right.model_id &&
    left.layers?.layer_start === right.layers?.layer_start &&
    left.layers?.layer_end === right.layers?.layer_end &&
    left.input_tokens === right.input_tokens &&
    left.output_tokens === right.output_tokens &&
    toMicroGft(left.amount) === toMicroGft(right.amount) &&
    toEpochMs(left.settled_at) === toEpochMs(right.settled_at) &&
    left.server_ref === right.server_ref &&
    left.consumer_ref === right.consumer_ref
  );
}

/** Every entry in which two ledgers differ, by request. */
export function differencesOf(
  here: readonly StatementEntry[],
  there: readonly StatementEntry[],
): StatementDifference[] {
  const theirs = new Map(there.map((entry) => [`${entry.served_by} ${entry.request_id}`, entry]));
  const differences: StatementDifference[] = [];
  for (const own of sortedEntries(here)) {
    const key = `${own.served_by} ${own.request_id}`;
    const other = theirs.get(key);
    theirs.delete(key);
    if (other === undefined) {
      differences.push({ request_id: own.request_id, kind: 'only-here', here: own, there: null });
    } else if (!sameEntry(own, other)) {
      differences.push({ request_id: own.request_id, kind: 'differs', here: own, there: other });
    }
  }
  for (const other of sortedEntries([...theirs.values()])) {
    differences.push({ request_id: other.request_id, kind: 'only-there', here: null, there: other });
  }
  return differences;
}

function signingText(statement: FederationStatement): TrustResult<string> {
  return boundedCanonicalJson(Object.fromEntries(Object.entries(statement).filter(([name]) => name !== 'signatures')));
}

/** Adds the signature of one coordinator; one it had made before is replaced. Throws for a key that is not one of the two. */
export function signFederationStatement(
  statement: FederationStatement,
  signer: Signer,
  ed25519: Ed25519,
): FederationStatement {
  if (!statement.coordinators.includes(signer.publicKey)) {
    throw new TypeError('only the coordinators of a statement sign it');
  }
  const text = signingText(statement);
  if (!text.ok) throw new TypeError(text.error.message);
  const keyId = ed25519.keyIdOf(signer.publicKey);
  const own = { alg: 'Ed25519' as const, key_id: keyId, value: signer.sign(text.value) };
  return { ...statement, signatures: [...statement.signatures.filter(({ key_id: id }) => id !== keyId), own] };
}

/** Puts a statement together, not signed yet. */
export function statementOf(
  facts: Pick<FederationStatement, 'id' | 'agreement_id' | 'agreement_hash' | 'unit' | 'from' | 'to' | 'issued_at'> & {
    readonly coordinators: readonly [string, string];
  },
  entries: readonly StatementEntry[],
): FederationStatement {
  const sorted = sortedEntries(entries);
  return {
    tore_spec: 'tore-0002',
    type: 'federation-statement',
    ...facts,
    coordinators: [...facts.coordinators].toSorted((left, right) => (left < right ? -1 : 1)),
    entries: sorted,
    totals: totalsOf(sorted),
    signatures: [],
  };
}

/** Who has signed a statement that was read. */
export interface ReadStatement {
  readonly statement: FederationStatement;
  /** Keys of the coordinators whose signatures hold. */
  readonly signedBy: readonly string[];
}

/**
 * Reads a statement: its form, that its entries lie in its time, each once and by one of the two coordinators, that its
 * totals are their sums, and every signature it carries. Works without a network.
 */
export function readFederationStatement(value: unknown, cryptography: Cryptography): TrustResult<ReadStatement> {
  if (!checker.Check(value)) {
    const [first] = checker.Errors(value);
    const place = first === undefined || first.instancePath === '' ? '' : ` (${first.instancePath})`;
    return refuseTrust(
      'message-invalid',
      `This is not a valid statement: it ${first?.message ?? 'does not fit'}${place}.`,
    );
  }
  const text = signingText(value);
  if (!text.ok) return text;
  if (utf8Bytes(text.value) > FEDERATION_LIMITS.maxMessageBytes) {
    return refuseTrust('message-too-large', 'This statement is too large.');
  }
  const seen = new Set<string>();
  for (const entry of value.entries) {
    const at = toEpochMs(entry.settled_at);
    if (at < toEpochMs(value.from) || at >= toEpochMs(value.to)) {
      return refuseTrust('message-invalid', `The entry ${entry.request_id} lies outside the time of the statement.`);
    }
    if (!value.coordinators.includes(entry.served_by)) {
      return refuseTrust('message-invalid', `The entry ${entry.request_id} was served by somebody else.`);
    }
    const key = `${entry.served_by} ${entry.request_id}`;
    if (seen.has(key)) return refuseTrust('message-invalid', `The entry ${entry.request_id} is there twice.`);
    seen.add(key);
  }
  if (JSON.stringify(totalsOf(value.entries)) !== JSON.stringify(totalsAsRead(value.totals))) {
    return refuseTrust('message-invalid', 'The totals of the statement are not the sums of its entries.');
  }
  const signedBy: string[] = [];
  for (const signature of value.signatures) {
    const key = value.coordinators.find((one) => cryptography.keyIdOf(one) === signature.key_id);
    if (key === undefined || signedBy.includes(key) || !cryptography.verify(key, text.value, signature.value)) {
      return refuseTrust('signature-wrong', 'A signature on the statement does not hold.');
    }
    signedBy.push(key);
  }
  return { ok: true, value: { statement: value, signedBy } };
}

/** The fields that are compared, in the order in which `totalsOf` writes them. */
function totalsAsRead(totals: readonly StatementTotal[]): StatementTotal[] {
  return totals
    .map(({ served_by, requests, input_tokens, output_tokens, amount }) => ({
      served_by,
      requests,
      input_tokens,
      output_tokens,
      amount,
    }))
    .toSorted((left, right) => (left.served_by < right.served_by ? -1 : 1));
}

/** Checks that a statement is one under this agreement, between coordinators that act for its parties. */
export function checkStatementAgreement(
  statement: FederationStatement,
  agreement: Agreement,
  cryptography: Cryptography,
): TrustResult<void> {
  const hash = agreementHash(agreement, cryptography);
  if (!hash.ok) return hash;
  if (statement.agreement_id !== agreement.id || statement.agreement_hash !== hash.value) {
    return refuseTrust('agreement-foreign', 'The statement is under another agreement.');
  }
  if (statement.unit !== agreement.terms.cost.unit) {
    return refuseTrust('agreement-foreign', `The agreement counts in ${agreement.terms.cost.unit}.`);
  }
  const isTheirs = statement.coordinators.every((key) => actsForParty(agreement, key));
  return isTheirs
    ? { ok: true, value: undefined }
    : refuseTrust('agreement-foreign', 'A coordinator of the statement acts for no party of the agreement.');
}
