import { Type, type Static } from 'typebox';

/** Answer of `GET /`. */
export const ServiceInformation = Type.Object({
  name: Type.String({ maxLength: 200 }),
  version: Type.String({ maxLength: 100 }),
  status: Type.String({ maxLength: 40 }),
  /** `enabled` or `disabled`. */
  token_mode: Type.String({ maxLength: 40 }),
});
export type ServiceInformation = Static<typeof ServiceInformation>;

/** Answer of `GET /health`. */
export const ServiceHealth = Type.Object({
  status: Type.Union([Type.Literal('healthy'), Type.Literal('degraded')]),
  database: Type.String({ maxLength: 40 }),
  ledger_entries: Type.Integer({ minimum: 0 }),
  ledger_valid: Type.Boolean(),
  /** GFT in circulation. */
  total_supply: Type.Number(),
});
export type ServiceHealth = Static<typeof ServiceHealth>;

/** One field that a body or a query got wrong, as the baseline reports it with status 422. */
export const ValidationIssue = Type.Object({
  type: Type.String(),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
  input: Type.Optional(Type.Unknown()),
});
export type ValidationIssue = Static<typeof ValidationIssue>;

/** Every error of the baseline: a sentence, or the list of issues of a 422. */
export const ErrorDetail = Type.Object({
  detail: Type.Union([Type.String(), Type.Array(ValidationIssue), Type.Record(Type.String(), Type.Unknown())]),
});
export type ErrorDetail = Static<typeof ErrorDetail>;
