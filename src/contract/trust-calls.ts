import { Type, type TSchema } from 'typebox';
import { GrantTerms } from '../protocol/federation/grant';
import { MAX_SEARCH_PAGE, type TermCount } from '../protocol/trust/discovery-search';
import { GovernanceMode } from '../protocol/trust/trust-fields';
import { TRUST_LIMITS } from '../protocol/trust/trust-limits';
import type { AgreementView, AnswerDraft, HandshakeView, RecordView, TrustView } from './trust';

const Nothing = Type.Null();
const Id = Type.String({ minLength: 1, maxLength: 200 });
const Name = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });
const OptionalName = Type.Union([Name, Type.Null()]);
const ShortText = Type.String({ maxLength: TRUST_LIMITS.maxNameLength });
const LongText = Type.String({ maxLength: TRUST_LIMITS.maxTextLength });
const Filled = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxTextLength });
const Passphrase = Type.String({ minLength: 1, maxLength: 1_000 });
const Term = Type.String({ minLength: 1, maxLength: TRUST_LIMITS.maxNameLength });
const Quota = Type.Object({
  count: Type.Integer({ minimum: 0, maximum: TRUST_LIMITS.maxChallengesPerSide }),
  windowSeconds: Type.Integer({ minimum: 60, maximum: 31_536_000 }),
});
const Handshake = Type.Object({ handshakeId: Id });
const Agreement = Type.Object({ agreementId: Id });
const Time = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$' });

const RecordDraftInput = Type.Object({
  capabilities: Type.Array(
    Type.Object({
      domain: Term,
      subdomain: Term,
      models: Type.Array(Name, { maxItems: 50 }),
      description: Type.String({ maxLength: 2_000 }),
    }),
    { maxItems: 50 },
  ),
  governanceMode: GovernanceMode,
  quota: Type.Union([Quota, Type.Null()]),
  availability: ShortText,
  lifetimeDays: Type.Integer({ minimum: 1, maximum: 365 }),
});

const Grant = Type.Union([GrantTerms, Type.Null()]);

const TermsInput = Type.Object({
  purpose: Filled,
  resources: Type.Array(Name, { maxItems: 50 }),
  costUnit: Name,
  costRate: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  costLedger: OptionalName,
  dataHandling: Filled,
  effectiveAt: Time,
  expiresAt: Type.Union([Time, Type.Null()]),
  termination: Filled,
  /** What the coordinators of the two parties serve for each other. */
  federation: Type.Object({ own: Grant, other: Grant }),
});

/** Calls of keys, discovery, handshakes and agreements (tore-0002). */
export const TRUST_CALL_SCHEMAS = {
  'trust:get': Nothing,
  'keys:create': Type.Object({ name: Name, institution: OptionalName }),
  'keys:rename': Type.Object({ name: Name, institution: OptionalName }),
  'keys:name-coordinator': Type.Object({ publicKey: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]) }),
  'keys:show-words': Nothing,
  'keys:back-up': Type.Object({ passphrase: Passphrase }),
  'keys:restore-file': Type.Object({ passphrase: Passphrase }),
  'keys:restore-words': Type.Object({
    words: Type.String({ maxLength: 1_000 }),
    name: Name,
    institution: OptionalName,
  }),
  'keys:replace': Type.Object({ reason: ShortText }),
  'keys:export-links': Nothing,
  'discovery:search': Type.Object({
    domain: Type.Optional(Term),
    subdomain: Type.Optional(Term),
    model: Type.Optional(Term),
    institution: Type.Optional(Term),
    governance_mode: Type.Optional(GovernanceMode),
    text: Type.Optional(ShortText),
    limit: Type.Integer({ minimum: 1, maximum: MAX_SEARCH_PAGE }),
    cursor: Type.Optional(Type.String({ maxLength: 2_000 })),
  }),
  'discovery:terms': Nothing,
  'discovery:publish': RecordDraftInput,
  'discovery:withdraw': Nothing,
  'discovery:export': Nothing,
  'discovery:import': Nothing,
  'handshake:propose': Type.Object({
    nodeId: Id,
    publicKey: Type.String({ minLength: 44, maxLength: 44 }),
    name: ShortText,
    recordId: Type.Union([Id, Type.Null()]),
    purpose: Filled,
    governanceMode: GovernanceMode,
    quota: Quota,
    days: Type.Integer({ minimum: 1, maximum: 180 }),
  }),
  'handshake:get': Handshake,
  'handshake:join': Type.Object({ handshakeId: Id, quota: Quota, note: LongText }),
  'handshake:challenge': Type.Object({
    handshakeId: Id,
    domain: Term,
    subdomain: Term,
    prompt: Filled,
    set: OptionalName,
    /** Null: a question. */
    compute: Type.Union([
      Type.Object({
        modelId: Name,
        maxNewTokens: Type.Integer({ minimum: 1, maximum: TRUST_LIMITS.maxChallengeTokens }),
      }),
      Type.Null(),
    ]),
  }),
  'handshake:draft-answer': Type.Object({ handshakeId: Id, challengeId: Id, modelId: Name }),
  'handshake:respond': Type.Object({
    handshakeId: Id,
    challengeId: Id,
    text: Filled,
    /** The model that wrote it; null for a person. */
    modelId: OptionalName,
  }),
  'handshake:note': Type.Object({
    handshakeId: Id,
    /** Null: about the handshake as a whole. */
    challengeId: Type.Union([Id, Type.Null()]),
    text: LongText,
  }),
  'handshake:mark': Type.Object({
    handshakeId: Id,
    challengeId: Id,
    verdict: Type.Union([Type.Literal('accepted'), Type.Literal('rejected'), Type.Null()]),
  }),
  'handshake:decide': Type.Object({
    handshakeId: Id,
    decision: Type.Union([Type.Literal('accept'), Type.Literal('reject')]),
    reason: LongText,
  }),
  'handshake:withdraw': Type.Object({ handshakeId: Id, reason: LongText }),
  'agreement:offer': Type.Object({ handshakeId: Id, terms: TermsInput, renews: Type.Union([Id, Type.Null()]) }),
  'agreement:sign': Agreement,
  'agreement:terminate': Type.Object({ agreementId: Id, reason: LongText, effectiveAt: Time }),
  'agreement:export': Agreement,
  'agreement:export-end': Agreement,
  'agreement:text': Agreement,
  'agreement:import': Nothing,
  'agreement:show': Agreement,
} as const satisfies Record<string, TSchema>;

/** Values of those calls. */
export interface TrustCallValues {
  'trust:get': TrustView;
  'keys:create': null;
  'keys:rename': null;
  'keys:name-coordinator': null;
  /** The secret, as 24 words. */
  'keys:show-words': { readonly words: string };
  /** Where the file was saved; null when the dialog was closed. */
  'keys:back-up': { readonly path: string } | null;
  'keys:restore-file': { readonly restored: boolean };
  'keys:restore-words': null;
  'keys:replace': null;
  'keys:export-links': { readonly path: string } | null;
  'discovery:search': { readonly records: readonly RecordView[]; readonly next: string | null };
  'discovery:terms': readonly TermCount[];
  'discovery:publish': null;
  'discovery:withdraw': null;
  'discovery:export': { readonly path: string } | null;
  'discovery:import': RecordView | null;
  'handshake:propose': { readonly handshakeId: string };
  'handshake:get': HandshakeView;
  'handshake:join': null;
  'handshake:challenge': null;
  'handshake:draft-answer': AnswerDraft;
  'handshake:respond': null;
  'handshake:note': null;
  'handshake:mark': null;
  'handshake:decide': null;
  'handshake:withdraw': null;
  'agreement:offer': { readonly agreementId: string };
  'agreement:sign': null;
  'agreement:terminate': null;
  'agreement:export': { readonly path: string } | null;
  /** The document, as `sessions:create` takes it. */
  'agreement:text': { readonly text: string };
  /** The signed notice that ended it. */
  'agreement:export-end': { readonly path: string } | null;
  /** An agreement, or the notice that ends one which is here. */
  'agreement:import': AgreementView | null;
  /** Until when the coordinator lets this party in. */
  'agreement:show': { readonly expiresAt: string | null };
}
