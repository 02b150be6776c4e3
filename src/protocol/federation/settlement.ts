import { Type, type Static } from 'typebox';
import { PrecisionName } from '../compute/http/tokens';
import { toMicroGft, type MicroGft } from '../compute/micro-gft';
import { FinishReason, LayerRange } from '../compute/model';
import { Count, Identifier, PublicKey, Timestamp } from '../documents/fields';
import type { Cryptography, Ed25519, Signer } from '../signing/ed25519';
import { isSignedBy, signStatement, statementFields, statementReader } from '../trust/statement';
import type { TrustResult } from '../trust/errors';
import { refuseTrust } from '../trust/errors';
import { microAmount, type SettlementTerms } from './grant';

/*
 * What one request across the link came to, settled once on both sides.
 *
 *   serving side                                         asking side
 *     books the work, with the settlement and an   ────▶  books the settlement under the request's id, with a
 *     entry in its outbox, in one transaction             receipt, in one transaction
 *     takes it out of the outbox                   ◀────  receipt, again for every repetition of the settlement
 *
 * The settlement is sent again after each reconnection until its receipt, or its refusal, has come. Whatever is lost,
 * repeated or late: the asking side has an entry under the id or has none, so it books once; the serving side forgets only
 * what the other has signed for.
 */

const Amount = Type.Number({ minimum: 0, maximum: 9_007_199_254 });
const ModelId = Type.String({ minLength: 1, maxLength: 200 });
const MAX_BYTES = 16_384;

/**
 * The serving coordinator's signed word about one request, or about one hop of a pipeline of both. Of a hop `input_tokens` is
 * the number of positions it did, and `output_tokens` that of the tokens it sampled.
 */
export const FederationSettlement = Type.Object({
  ...statementFields('federation-settlement'),
  agreement_id: Identifier,
  request_id: Identifier,
  /** Keys of the coordinators that served and that asked. */
  served_by: PublicKey,
  served_for: PublicKey,
  model_id: ModelId,
  precision: PrecisionName,
  /** Of a hop: the layers it did. */
  layers: Type.Optional(LayerRange),
  input_tokens: Count,
  output_tokens: Count,
  finish_reason: FinishReason,
  /** In `unit`, at most six fraction digits. */
  amount: Amount,
  unit: Type.String({ minLength: 1, maxLength: 300 }),
  settled_at: Timestamp,
  /** Where it is booked at the serving side. */
  server_ref: Identifier,
});
export type FederationSettlement = Static<typeof FederationSettlement>;

/** The asking coordinator's signed word that it has booked a settlement. */
export const FederationReceipt = Type.Object({
  ...statementFields('federation-receipt'),
  agreement_id: Identifier,
  request_id: Identifier,
  served_by: PublicKey,
  served_for: PublicKey,
  server_ref: Identifier,
  /** Where it is booked at the asking side. */
  consumer_ref: Identifier,
  booked_at: Timestamp,
});
export type FederationReceipt = Static<typeof FederationReceipt>;

type Unsigned<Whole> = Omit<Whole, 'tore_spec' | 'type' | 'signature'>;

const settlementForm = statementReader(FederationSettlement, 'settlement', MAX_BYTES);
const receiptForm = statementReader(FederationReceipt, 'receipt', MAX_BYTES);

export function signSettlement(
  settlement: Unsigned<FederationSettlement>,
  signer: Signer,
  ed25519: Ed25519,
): FederationSettlement {
  return signStatement(
    { tore_spec: 'tore-0002', type: 'federation-settlement', ...settlement } as const,
    signer,
    ed25519,
  );
}

export function signReceipt(receipt: Unsigned<FederationReceipt>, signer: Signer, ed25519: Ed25519): FederationReceipt {
  return signStatement({ tore_spec: 'tore-0002', type: 'federation-receipt', ...receipt } as const, signer, ed25519);
}

/** Reads a settlement and checks that the coordinator it names has signed it. */
export function readSettlement(value: unknown, cryptography: Cryptography): TrustResult<FederationSettlement> {
  const read = settlementForm(value);
  if (!read.ok) return read;
  return isSignedBy(read.value, read.value.served_by, cryptography)
    ? read
    : refuseTrust('signature-wrong', 'The signature of the settlement does not hold.');
}

/** Reads a receipt and checks that the coordinator it names has signed it. */
export function readReceipt(value: unknown, cryptography: Cryptography): TrustResult<FederationReceipt> {
  const read = receiptForm(value);
  if (!read.ok) return read;
  return isSignedBy(read.value, read.value.served_for, cryptography)
    ? read
    : refuseTrust('signature-wrong', 'The signature of the receipt does not hold.');
}

/** The layers of a hop and how their weights are held. */
export interface HopLayers {
  readonly range: LayerRange;
  readonly precision: FederationSettlement['precision'];
}

/** What the asking side knows of a request it made. */
export interface Expectation {
  readonly agreementId: string;
  readonly servedBy: string;
  readonly servedFor: string;
  readonly requestId: string;
  readonly modelId: string;
  readonly maxInputTokens: number;
  readonly maxNewTokens: number;
  readonly terms: SettlementTerms;
  /** What was asked of a hop; null for a whole request. */
  readonly layers: HopLayers | null;
  /** The work of a request of these sizes, by the formula of tore-0001. */
  work(inputTokens: number, outputTokens: number, precision: FederationSettlement['precision']): MicroGft;
}

/** Why a settlement is refused. */
export interface SettlementProblem {
  readonly code:
    | 'settlement-foreign'
    | 'settlement-unasked'
    | 'settlement-conflict'
    | 'settlement-layers'
    | 'settlement-tokens'
    | 'settlement-amount'
    | 'settlement-unit';
  readonly message: string;
}

const problem = (code: SettlementProblem['code'], message: string): SettlementProblem => ({ code, message });

function isOfLayers({ layers, precision }: FederationSettlement, asked: HopLayers | null): boolean {
  if (asked === null || layers === undefined) return asked === null && layers === undefined;
  const { layer_start: start, layer_end: end } = asked.range;
  return layers.layer_start === start && layers.layer_end === end && precision === asked.precision;
}

/** Why a settlement does not fit the request it is for, or null. */
export function settlementProblem(settlement: FederationSettlement, expected: Expectation): SettlementProblem | null {
  const isOurs =
    settlement.agreement_id === expected.agreementId &&
    settlement.served_by === expected.servedBy &&
    settlement.served_for === expected.servedFor;
  if (!isOurs) return problem('settlement-foreign', 'The settlement is of another agreement or between others.');
  if (settlement.request_id !== expected.requestId || settlement.model_id !== expected.modelId) {
    return problem('settlement-unasked', 'The settlement is for something that was not asked for.');
  }
  if (!isOfLayers(settlement, expected.layers)) {
    return problem(
      'settlement-layers',
      'The settlement is for other layers, or in another precision, than were asked for.',
    );
  }
  if (settlement.unit !== expected.terms.unit) {
    return problem('settlement-unit', `The agreement counts in ${expected.terms.unit}, not in ${settlement.unit}.`);
  }
  if (settlement.input_tokens > expected.maxInputTokens || settlement.output_tokens > expected.maxNewTokens) {
    return problem(
      'settlement-tokens',
      `The settlement counts ${settlement.input_tokens} and ${settlement.output_tokens} tokens; at most ${expected.maxInputTokens} and ${expected.maxNewTokens} can have been.`,
    );
  }
  const work = expected.work(settlement.input_tokens, settlement.output_tokens, settlement.precision);
  const due = microAmount(work, expected.terms);
  // Programs that round the same work differently differ by one millionth.
  if (Math.abs(toMicroGft(settlement.amount) - due) > 1) {
    return problem('settlement-amount', `The settlement asks for ${settlement.amount} where ${due / 1e6} is due.`);
  }
  return null;
}

/** What the asking side has of a request: it was asked, and perhaps booked. */
export type ConsumerState =
  { readonly kind: 'asked' } | { readonly kind: 'booked'; readonly serverRef: string; readonly amount: number };

export type ConsumerAct =
  | { readonly kind: 'book' }
  /** It is booked already: the receipt is sent again. */
  | { readonly kind: 'repeat-receipt' }
  | { readonly kind: 'refuse'; readonly problem: SettlementProblem };

/**
 * asked ──settlement──▶ booked ──the same──▶ booked (receipt again)
 *                          └──another──▶ booked (refused)
 */
export function takeSettlement(
  state: ConsumerState | null,
  settlement: Pick<FederationSettlement, 'server_ref' | 'amount'>,
  found: SettlementProblem | null,
): ConsumerAct {
  if (state === null) {
    return { kind: 'refuse', problem: problem('settlement-unasked', 'No such request was made.') };
  }
  if (state.kind === 'booked') {
    return state.serverRef === settlement.server_ref && state.amount === settlement.amount
      ? { kind: 'repeat-receipt' }
      : {
          kind: 'refuse',
          problem: problem('settlement-conflict', 'Another settlement of this request is booked already.'),
        };
  }
  return found === null ? { kind: 'book' } : { kind: 'refuse', problem: found };
}

/** What the serving side has of a request it served. */
export type ServerState =
  | { readonly kind: 'owed' }
  | { readonly kind: 'acknowledged'; readonly consumerRef: string }
  | { readonly kind: 'refused'; readonly reason: string };

export type ServerEvent =
  { readonly kind: 'receipt'; readonly consumerRef: string } | { readonly kind: 'refusal'; readonly reason: string };

/**
 * owed ──receipt──▶ acknowledged
 *   └──refusal──▶ refused ──receipt──▶ acknowledged (the other side was repaired)
 *
 * A receipt counts once; a later one, and a refusal after it, change nothing.
 */
export function nextServerState(state: ServerState, event: ServerEvent): ServerState {
  if (state.kind === 'acknowledged') return state;
  return event.kind === 'receipt'
    ? { kind: 'acknowledged', consumerRef: event.consumerRef }
    : { kind: 'refused', reason: event.reason };
}
