import { Type, type Static } from 'typebox';

/** Who answered instead of the own nodes, or did layers beside them, and what that came to between the two coordinators. */
export const FederatedAnswer = Type.Object({
  /** Name of the coordinator that served, as the own one calls it. */
  coordinator: Type.String({ maxLength: 200 }),
  agreement_id: Type.String({ maxLength: 300 }),
  /** In the agreement's unit. */
  amount: Type.Number({ minimum: 0 }),
  unit: Type.String({ maxLength: 300 }),
  /** Where it is booked at the own coordinator and at the other one, the last of several; null when nothing was settled. */
  entry_ref: Type.Union([Type.String({ maxLength: 300 }), Type.Null()]),
  peer_ledger_ref: Type.Union([Type.String({ maxLength: 300 }), Type.Null()]),
});
export type FederatedAnswer = Static<typeof FederatedAnswer>;
