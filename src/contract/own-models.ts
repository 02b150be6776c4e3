import { Type, type Static } from 'typebox';

/** Where a model of one's own answers. The network is the cooperative; everything else is paid, if at all, elsewhere. */
export const OwnModelKind = Type.Union([
  Type.Literal('network'),
  Type.Literal('openai-compatible'),
  Type.Literal('anthropic'),
  Type.Literal('openai'),
  Type.Literal('google'),
]);
export type OwnModelKind = Static<typeof OwnModelKind>;

export const OwnModelFields = Type.Object(
  {
    kind: OwnModelKind,
    /** What others see, and how it is mentioned: `@name`. */
    name: Type.String({ minLength: 1, maxLength: 60, pattern: '\\S' }),
    modelId: Type.String({ minLength: 1, maxLength: 200 }),
    /** Of an OpenAI-compatible server, up to `/v1`; null for the rest. */
    baseUrl: Type.Union([Type.String({ maxLength: 2_000, pattern: '^https?://' }), Type.Null()]),
    /** Tokens the model can read and write together. */
    contextLength: Type.Integer({ minimum: 128, maximum: 10_000_000 }),
    maxNewTokens: Type.Integer({ minimum: 1, maximum: 100_000 }),
  },
  { additionalProperties: false },
);
export type OwnModelFields = Static<typeof OwnModelFields>;

/** A model as its person set it up. Its key stays with main. */
export interface OwnModelView extends OwnModelFields {
  readonly id: string;
  readonly hasKey: boolean;
  /** By what name Chat asks it; for the network the model's own id. */
  readonly chatId: string;
}

const Id = Type.String({ minLength: 1, maxLength: 100 });

export const OWN_MODEL_CALLS = {
  'own-models:list': Type.Null(),
  /** A new model, or with `id` a changed one. `key: null` keeps the key there is, `''` removes it. */
  'own-models:save': Type.Object({
    id: Type.Union([Id, Type.Null()]),
    fields: OwnModelFields,
    key: Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()]),
  }),
  'own-models:remove': Type.Object({ id: Id }),
} as const;

export interface OwnModelCallValues {
  'own-models:list': readonly OwnModelView[];
  'own-models:save': readonly OwnModelView[];
  'own-models:remove': readonly OwnModelView[];
}
