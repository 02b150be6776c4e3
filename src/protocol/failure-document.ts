import { Type, type Static } from 'typebox';

/** A failure as another program tells it: the shape of `Failure`, with limits. */
export const FailureDocument = Type.Object({
  code: Type.String({ maxLength: 100 }),
  message: Type.String({ maxLength: 2_000 }),
  retryable: Type.Boolean(),
  suggestion: Type.Optional(Type.String({ maxLength: 2_000 })),
});
export type FailureDocument = Static<typeof FailureDocument>;
