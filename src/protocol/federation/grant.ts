import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { toMicroGft, toWireGft, type MicroGft } from '../compute/micro-gft';
import { SAMPLING_LIMITS } from '../compute/model';
import type { Agreement } from '../trust/agreement';
import { FEDERATION_LIMITS } from './limits';

const HOUR_MINUTE = '^([01][0-9]|2[0-3]):[0-5][0-9]$';

/**
 * What one party serves for the other: an entry of an agreement's `terms.resources` with `kind: "federation"`. What is
 * left out is not limited, but `models`, which says at least that.
 */
export const FederationGrant = Type.Object({
  kind: Type.Literal('federation'),
  /** `node_id` of the party that serves. */
  served_by: Type.String({ minLength: 1, maxLength: 300 }),
  /** Ids of models, or `any`. */
  models: Type.Union([
    Type.Literal('any'),
    Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: FEDERATION_LIMITS.maxModels }),
  ]),
  /** Times of day in UTC, `HH:MM`; may go over midnight. The end is not included. */
  hours: Type.Optional(
    Type.Object({ from: Type.String({ pattern: HOUR_MINUTE }), to: Type.String({ pattern: HOUR_MINUTE }) }),
  ),
  max_requests_per_minute: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  max_requests_at_once: Type.Optional(Type.Integer({ minimum: 0, maximum: FEDERATION_LIMITS.maxRequestsAtOnce })),
  max_new_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens })),
  /** In the agreement's unit, over its whole life. */
  max_amount: Type.Optional(Type.Number({ minimum: 0, maximum: 9_007_199_254 })),
  /**
   * `served-whole`: prompt and answer may be read at the serving side. `requester-ends`: the first and the last shard stay
   * inside the requester's walls, so that only the layers between are served.
   */
  data: Type.Optional(Type.Union([Type.Literal('served-whole'), Type.Literal('requester-ends')])),
});
export type FederationGrant = Static<typeof FederationGrant>;

/** What a grant allows, whoever serves it. */
export const GrantTerms = Type.Omit(FederationGrant, ['kind', 'served_by']);
export type GrantTerms = Static<typeof GrantTerms>;

const checker = Compile(FederationGrant);

/** Whether an entry of an agreement's resources says what one party serves for the other. */
export function isFederationGrant(resource: unknown): resource is FederationGrant {
  return checker.Check(resource);
}

/** What a party serves under an agreement; null when the agreement names nothing that it does. */
export function grantOf(agreement: Pick<Agreement, 'terms'>, servedBy: string): FederationGrant | null {
  for (const resource of agreement.terms.resources) {
    if (isFederationGrant(resource) && resource.served_by === servedBy) return resource;
  }
  return null;
}

/** In what an agreement counts, and how work becomes an amount of it. */
export interface SettlementTerms {
  readonly unit: string;
  /** The work of a request in GFT, by the formula of tore-0001, times this is its amount. */
  readonly rate: number;
}

/** The cost terms of an agreement for a link: a rate that is not named is 1 for GFT and 0 for every other unit. */
export function settlementTermsOf({ terms: { cost } }: Pick<Agreement, 'terms'>): SettlementTerms {
  return { unit: cost.unit, rate: typeof cost.rate === 'number' ? cost.rate : cost.unit === 'GFT' ? 1 : 0 };
}

/** What work amounts to, in millionths of the agreement's unit. */
export function microAmount(workMicroGft: MicroGft, terms: SettlementTerms): number {
  return Math.round(workMicroGft * terms.rate);
}

/** Why the terms do not allow a request. */
export type TermsCode =
  'terms-missing' | 'terms-model' | 'terms-hours' | 'terms-rate' | 'terms-tokens' | 'terms-total' | 'terms-data';

export interface TermsRefusal {
  readonly code: TermsCode;
  readonly message: string;
  /** Whether the same request may be allowed later. */
  readonly retryable: boolean;
}

/** What the peer has asked for so far. */
export interface GrantUsage {
  readonly nowMs: number;
  /** Requests of the last 60 seconds. */
  readonly lastMinute: number;
  readonly running: number;
  /** Settled and set aside for running requests, in millionths of the unit. */
  readonly microAmount: number;
}

export interface AskedRequest {
  readonly modelId: string;
  readonly maxNewTokens: number;
  /** The most it can amount to, in millionths of the unit. */
  readonly microAmount: number;
  /** Left out: the whole request. */
  readonly layers?: LayersOfModel;
}

/** Layers of a model, both ends inclusive, and how many it has. */
export interface LayersOfModel {
  readonly first: number;
  readonly last: number;
  readonly total: number;
}

const MINUTES_PER_DAY = 1_440;

function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/** Whether a moment lies in the hours of a grant. */
export function isWithinHours(hours: FederationGrant['hours'], nowMs: number): boolean {
  if (hours === undefined || hours.from === hours.to) return true;
  const minute = Math.floor(nowMs / 60_000) % MINUTES_PER_DAY;
  const [from, to] = [minutesOf(hours.from), minutesOf(hours.to)];
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

function refusal(code: TermsCode, message: string, retryable: boolean): TermsRefusal {
  return { code, message, retryable };
}

/** Whether a grant lets a model be offered at all. */
export function offersModel(grant: FederationGrant | null, modelId: string): boolean {
  if (grant === null || grant.data === 'requester-ends') return false;
  return grant.models === 'any' || grant.models.includes(modelId);
}

function seesText({ first, last, total }: LayersOfModel): boolean {
  return first === 0 || last === total - 1;
}

/** Whether a grant lets layers of a model be offered. */
export function offersLayers(grant: FederationGrant | null, modelId: string, layers: LayersOfModel): boolean {
  if (grant === null || (grant.data === 'requester-ends' && seesText(layers))) return false;
  return grant.models === 'any' || grant.models.includes(modelId);
}

/** Checks a whole request, or a hop of one, against what the agreement lets this side serve; null when it may be served. */
export function termsRefusal(
  grant: FederationGrant | null,
  usage: GrantUsage,
  asked: AskedRequest,
): TermsRefusal | null {
  if (grant === null) {
    return refusal('terms-missing', 'The agreement names nothing that this coordinator serves.', false);
  }
  if (grant.data === 'requester-ends' && (asked.layers === undefined || seesText(asked.layers))) {
    const what = asked.layers === undefined ? 'a whole request' : 'a hop with one of them';
    const message = `The agreement keeps the first and the last shard with the requester; ${what} may not be served here.`;
    return refusal('terms-data', message, false);
  }
  if (grant.models !== 'any' && !grant.models.includes(asked.modelId)) {
    return refusal('terms-model', `The agreement does not cover the model ${asked.modelId}.`, false);
  }
  if (!isWithinHours(grant.hours, usage.nowMs)) {
    return refusal('terms-hours', `The agreement covers ${grant.hours?.from} to ${grant.hours?.to} UTC.`, true);
  }
  if (grant.max_new_tokens !== undefined && asked.maxNewTokens > grant.max_new_tokens) {
    return refusal('terms-tokens', `The agreement covers at most ${grant.max_new_tokens} new tokens.`, false);
  }
  const atOnce = Math.min(
    grant.max_requests_at_once ?? FEDERATION_LIMITS.maxRequestsAtOnce,
    FEDERATION_LIMITS.maxRequestsAtOnce,
  );
  if (usage.running >= atOnce) {
    return refusal('terms-rate', `The agreement covers ${atOnce} requests at once.`, true);
  }
  if (grant.max_requests_per_minute !== undefined && usage.lastMinute >= grant.max_requests_per_minute) {
    return refusal('terms-rate', `The agreement covers ${grant.max_requests_per_minute} requests a minute.`, true);
  }
  if (grant.max_amount !== undefined && usage.microAmount + asked.microAmount > toMicroGft(grant.max_amount)) {
    const left = toWireGft(Math.max(0, toMicroGft(grant.max_amount) - usage.microAmount));
    return refusal('terms-total', `Of the total of the agreement ${left} are left; the request may need more.`, false);
  }
  return null;
}
