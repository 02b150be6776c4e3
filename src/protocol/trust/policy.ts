import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import campus from '../../../resources/policies/open-campus.json';
import exchange from '../../../resources/policies/compute-exchange.json';
import medical from '../../../resources/policies/medical-data.json';
import teaching from '../../../resources/policies/teaching.json';
import { GovernanceMode } from './trust-fields';
import { TRUST_LIMITS } from './trust-limits';

const Sentence = Type.String({ minLength: 1, maxLength: 1_000 });
const Name = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });

/** What a policy says to people; the rest of it is for programs. */
const Words = {
  title: Name,
  summary: Sentence,
  explains: Type.Array(Sentence, { minItems: 1, maxItems: 12 }),
  advice: Type.Array(Sentence, { maxItems: 12 }),
};
const PolicyWords = Type.Object(Words, { additionalProperties: false });
type PolicyWords = Static<typeof PolicyWords>;

/** One way to govern a coordinator and to write an agreement; `resources/policies/README.md` explains the fields. */
export const PolicyTemplate = Type.Object(
  {
    version: Type.Literal(1),
    id: Type.String({ pattern: '^[a-z][a-z-]{1,60}$' }),
    ...Words,
    /** The same words in other languages, by language code. */
    translations: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z]{2,3}$' }), PolicyWords)),
    governance_mode: GovernanceMode,
    access_policy: Type.Union([Type.Literal('open'), Type.Literal('keyed'), Type.Literal('institution')]),
    token_economy: Type.Boolean(),
    terms: Type.Object(
      {
        purpose: Sentence,
        resources: Type.Array(Name, { maxItems: 20 }),
        cost: Type.Object({ unit: Name, rate: Type.Optional(Type.Number({ minimum: 0 })) }),
        data_handling: Sentence,
        termination: Sentence,
        duration_days: Type.Integer({ minimum: 1, maximum: 3_650 }),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
export type PolicyTemplate = Static<typeof PolicyTemplate>;

const checker = Compile(PolicyTemplate);

/** Whether a value has the form of a template. */
export function isPolicyTemplate(value: unknown): value is PolicyTemplate {
  return checker.Check(value);
}

/** What a policy says in a language, or in English where nobody has translated it. */
export function policyWords(policy: PolicyTemplate, language: string): PolicyWords {
  return policy.translations?.[language] ?? policy;
}

/** Templates that fit the schema, in the order they are shown. One that does not is a mistake the tests find. */
export const POLICY_TEMPLATES: readonly PolicyTemplate[] = [campus, medical, exchange, teaching].flatMap((one) => {
  const template: unknown = one;
  return isPolicyTemplate(template) ? [template] : [];
});
