import { Type, type TObject, type TProperties } from 'typebox';

/*
 * What the messages of every family are made of. A family has a file of its own beside this one and its messages stand in
 * the unions of messages.ts.
 */

/** Lower-case UUID of any version. */
export const Uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' });
export const Base64 = Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[A-Za-z0-9+/]+={0,2}$' });
export const ShortText = Type.String({ maxLength: 2_000 });
/** Chosen by the caller; its reply carries it. */
export const CallId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const Gft = Type.Number({ minimum: -9_007_199_254, maximum: 9_007_199_254 });

/** One message: an object told from the others by its `type`. */
export function message<Name extends string, Properties extends TProperties>(
  type: Name,
  properties: Properties,
): TObject<Properties & { type: ReturnType<typeof Type.Literal<Name>> }> {
  return Type.Object({ type: Type.Literal(type), ...properties }) as unknown as TObject<
    Properties & { type: ReturnType<typeof Type.Literal<Name>> }
  >;
}
