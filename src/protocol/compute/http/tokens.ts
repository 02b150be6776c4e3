import { Type, type Static } from 'typebox';
import { LedgerCheckpoint } from '../ledger-checkpoint';
import { SAMPLING_LIMITS } from '../model';

const NodeId = Type.String({ minLength: 1, maxLength: 200 });
const Nullable = <Inner extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  inner: Inner,
): ReturnType<typeof Type.Union<[Inner, ReturnType<typeof Type.Null>]>> => Type.Union([inner, Type.Null()]);

/** Precisions a request can be priced in. */
export const PrecisionName = Type.Union([
  Type.Literal('fp32'),
  Type.Literal('fp16'),
  Type.Literal('int8'),
  Type.Literal('int4'),
]);

/** Why an amount moved. */
export const LedgerEventType = Type.Union([
  Type.Literal('issuance'),
  Type.Literal('redemption'),
  Type.Literal('purchase'),
  Type.Literal('expiry'),
  Type.Literal('penalty'),
]);
export type LedgerEventType = Static<typeof LedgerEventType>;

/** Answer of `GET /tokens/{id}/balance`, in GFT. */
export const TokenBalance = Type.Object({
  node_id: NodeId,
  balance: Type.Number(),
  total_earned: Type.Number(),
  total_spent: Type.Number(),
  last_updated: Type.String({ maxLength: 100 }),
  /**
   * What will expire within the time of the warning if it is not spent before: amounts by the day they expire, soonest
   * first. Not in the baseline.
   */
  expiring: Type.Optional(
    Type.Array(Type.Object({ amount: Type.Number(), expires_on: Type.String({ maxLength: 100 }) }), { maxItems: 400 }),
  ),
});
export type TokenBalance = Static<typeof TokenBalance>;

/**
 * One entry of the hash chain. `amount` is signed GFT: the sum of a node's entries is its balance. `entry_hash` is the
 * SHA-256 of the canonical JSON (RFC 8785) of the entry without `entry_hash`; `previous_hash` is that of the entry
 * before, 64 zeros for the first.
 */
export const LedgerEntry = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  event_type: LedgerEventType,
  node_id: NodeId,
  amount: Type.Number(),
  task_id: Nullable(Type.String()),
  flops_delivered: Nullable(Type.Number()),
  hardware_multiplier: Nullable(Type.Number()),
  reliability_factor: Nullable(Type.Number()),
  inference_request_id: Nullable(Type.String()),
  flops_consumed: Nullable(Type.Number()),
  /** Why, for entries no computation stands behind. */
  reason: Nullable(Type.String()),
  previous_hash: Type.String(),
  entry_hash: Type.String(),
  timestamp: Type.String(),
  expires_at: Nullable(Type.String()),
});
export type LedgerEntry = Static<typeof LedgerEntry>;

/** Answer of `GET /tokens/{id}/history`, oldest first. */
export const TokenHistory = Type.Object({
  node_id: NodeId,
  entries: Type.Array(LedgerEntry),
  total_entries: Type.Integer({ minimum: 0 }),
});
export type TokenHistory = Static<typeof TokenHistory>;

/** Body of `POST /tokens/redeem`. */
export const TokenRedemption = Type.Object({
  node_id: NodeId,
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  output_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  precision: Type.Optional(PrecisionName),
  inference_request_id: Type.String({ minLength: 1, maxLength: 200 }),
});
export type TokenRedemption = Static<typeof TokenRedemption>;

export const TokenRedemptionAnswer = Type.Object({
  success: Type.Boolean(),
  gft_deducted: Type.Number(),
  new_balance: Type.Number(),
  ledger_entry_id: Type.String(),
});
export type TokenRedemptionAnswer = Static<typeof TokenRedemptionAnswer>;

/** Answer of `GET /tokens/cost/estimate`. */
export const TokenCostEstimate = Type.Object({
  model_id: Type.String(),
  output_tokens: Type.Integer({ minimum: 0 }),
  precision: Type.String(),
  gflops_per_token: Type.Number(),
  precision_factor: Type.Number(),
  total_gft_cost: Type.Number(),
});
export type TokenCostEstimate = Static<typeof TokenCostEstimate>;

/** Answer of `GET /tokens/ledger/verify`, which checks every entry anew. */
export const LedgerVerification = Type.Object({
  chain_valid: Type.Boolean(),
  total_entries: Type.Integer({ minimum: 0 }),
  total_supply: Type.Number(),
  /** What does not hold, when `chain_valid` is false. */
  problem: Nullable(Type.String()),
});
export type LedgerVerification = Static<typeof LedgerVerification>;

/** Answer of `GET /tokens/ledger/audit`: the newest entries, oldest of them first. */
export const LedgerAudit = Type.Object({
  entries: Type.Array(LedgerEntry),
  total_entries: Type.Integer({ minimum: 0 }),
  chain_valid: Type.Boolean(),
});
export type LedgerAudit = Static<typeof LedgerAudit>;

/** Answer of `GET /tokens/ledger/checkpoints`: signed checkpoints, oldest first. */
export const LedgerCheckpoints = Type.Object({
  checkpoints: Type.Array(LedgerCheckpoint),
  total: Type.Integer({ minimum: 0 }),
});
export type LedgerCheckpoints = Static<typeof LedgerCheckpoints>;
