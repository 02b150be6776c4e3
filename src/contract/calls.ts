import { Type, type Static, type TSchema } from 'typebox';
import { InvitationCode } from '../protocol/compute/http/access';
import { PolicyPreferences } from '../protocol/compute/run-preferences';
import type { Result } from '../protocol/result';
import { ADMINISTRATION_CALLS, type AdministrationCallValues } from './administration-calls';
import type { ConversationView, CostEstimate } from './chat';
import { DEEP_LINK_CALLS, type DeepLinkCallValues } from './deep-links';
import { HOST_CALLS, type HostCallValues } from './hosts';
import { LanguageChoice } from './language';
import { MODEL_CALLS, type ModelCallValues } from './models';
import { OWN_MODEL_CALLS, type OwnModelCallValues } from './own-models';
import { SESSION_CALLS, type SessionCallValues } from './sessions';
import { LOCAL_API_CALLS, LocalApiSettings, type LocalApiCallValues } from './local-api-calls';
import { LIBRARY_CALL_SCHEMAS, type LibraryCallValues } from './library-calls';
import { NotificationSettings, RECORD_CALLS, StatisticsSettings, type RecordCallValues } from './records';
import { POLICY_CALL_SCHEMAS, type PolicyCallValues } from './policy-calls';
import { ChatSettings, CoordinatorChoice, ContributionSettings, TextScale, ThemeChoice } from './settings';
import { SYSTEM_CALLS, UpdateSettings, type SystemCallValues } from './system-calls';
import type { AppSnapshot, JoinDetails, LedgerPage, LedgerVerification } from './snapshot';
import { SUPPORT_CALLS, type SupportCallValues } from './support';
import { TRUST_CALL_SCHEMAS, type TrustCallValues } from './trust-calls';

/** Codes of failures main reports to a window. Failures of other rooms pass through with their own codes. */
export type AppErrorCode = string;

const Id = Type.String({ minLength: 1, maxLength: 200 });
/** A model of the network, or one of the person's own with where it answers in front. */
const ModelId = Type.String({ minLength: 1, maxLength: 300 });
const Nothing = Type.Null();
/** An address as a person types it. */
const CoordinatorUrl = Type.String({ minLength: 1, maxLength: 2_000 });
/** Longest message typed in Chat; the model's context is far smaller. */
export const MAX_CHAT_TEXT_LENGTH = 200_000;

/** Longest text put on the clipboard: the longest answer fits. */
const MAX_COPIED_TEXT_LENGTH = 1_000_000;

/** A part of the settings; what is absent stays. */
export const SettingsPatch = Type.Object(
  {
    region: Type.Optional(Type.Union([Type.String({ pattern: '^[A-Z]{2}(-[A-Z0-9]{1,3})?$' }), Type.Null()])),
    theme: Type.Optional(ThemeChoice),
    language: Type.Optional(LanguageChoice),
    textScale: Type.Optional(TextScale),
    closeToTray: Type.Optional(Type.Boolean()),
    startAtLogin: Type.Optional(Type.Boolean()),
    startHidden: Type.Optional(Type.Boolean()),
    updates: Type.Optional(UpdateSettings),
    coordinator: Type.Optional(CoordinatorChoice),
    embeddedTokenEconomy: Type.Optional(Type.Boolean()),
    contribution: Type.Optional(Type.Partial(ContributionSettings)),
    policy: Type.Optional(Type.Partial(PolicyPreferences, { additionalProperties: false })),
    chat: Type.Optional(Type.Partial(ChatSettings)),
    localApi: Type.Optional(LocalApiSettings),
    notifications: Type.Optional(Type.Partial(NotificationSettings)),
    statistics: Type.Optional(Type.Partial(StatisticsSettings)),
  },
  { additionalProperties: false },
);
export type SettingsPatch = Static<typeof SettingsPatch>;

/**
 * Every call a window can make: the channel, the schema its payload must match, and the value it answers with.
 * Main refuses what does not match or does not come from its own window.
 */
export const CALL_SCHEMAS = {
  'app:get-snapshot': Nothing,
  'app:copy-text': Type.Object({ text: Type.String({ maxLength: MAX_COPIED_TEXT_LENGTH }) }),
  'app:quit': Nothing,
  'welcome:accept': Type.Object({
    region: Type.Union([Type.String({ pattern: '^[A-Z]{2}(-[A-Z0-9]{1,3})?$' }), Type.Null()]),
  }),
  'settings:update': SettingsPatch,
  /** The token of the coordinator at `url`, and of no other; null forgets it. */
  'settings:set-access-token': Type.Object({
    url: CoordinatorUrl,
    accessToken: Type.Union([Type.String({ minLength: 1, maxLength: 4_000 }), Type.Null()]),
  }),
  'settings:set-invitation': Type.Object({ invitation: Type.Union([InvitationCode, Type.Null()]) }),
  'coordinator:check': Type.Object({ url: CoordinatorUrl }),
  'coordinator:get-join-details': Nothing,
  'node:pause': Type.Object({ minutes: Type.Union([Type.Integer({ minimum: 1, maximum: 10_080 }), Type.Null()]) }),
  'node:resume': Nothing,
  'node:retry': Nothing,
  'node:measure-hardware': Nothing,
  'node:answer-move': Type.Object({ accepted: Type.Boolean() }),
  'chat:get': Type.Object({ conversationId: Id }),
  'chat:estimate': Type.Object({
    conversationId: Type.Union([Id, Type.Null()]),
    modelId: ModelId,
    text: Type.String({ maxLength: MAX_CHAT_TEXT_LENGTH }),
  }),
  'chat:send': Type.Object({
    /** Null starts a new conversation. */
    conversationId: Type.Union([Id, Type.Null()]),
    modelId: ModelId,
    text: Type.String({ minLength: 1, maxLength: MAX_CHAT_TEXT_LENGTH }),
  }),
  'chat:stop': Type.Object({ conversationId: Id }),
  'chat:retry': Type.Object({ conversationId: Id, modelId: Type.Union([ModelId, Type.Null()]) }),
  'chat:edit': Type.Object({
    conversationId: Id,
    messageId: Id,
    modelId: ModelId,
    text: Type.String({ minLength: 1, maxLength: MAX_CHAT_TEXT_LENGTH }),
  }),
  'chat:show-branch': Type.Object({ conversationId: Id, messageId: Id }),
  'chat:delete': Type.Object({ conversationId: Id }),
  'ledger:get-page': Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000 }) }),
  'ledger:verify': Nothing,
  /** Asks where to write; gives false when the dialog was closed. */
  'ledger:export': Type.Object({ format: Type.Union([Type.Literal('csv'), Type.Literal('jsonl')]) }),
  ...HOST_CALLS,
  ...MODEL_CALLS,
  ...SYSTEM_CALLS,
  ...POLICY_CALL_SCHEMAS,
  ...ADMINISTRATION_CALLS,
  ...LOCAL_API_CALLS,
  ...LIBRARY_CALL_SCHEMAS,
  ...TRUST_CALL_SCHEMAS,
  ...OWN_MODEL_CALLS,
  ...SESSION_CALLS,
  ...DEEP_LINK_CALLS,
  ...RECORD_CALLS,
  ...SUPPORT_CALLS,
} as const satisfies Record<string, TSchema>;

export type Channel = keyof typeof CALL_SCHEMAS;
export type CallInput<Name extends Channel> = Static<(typeof CALL_SCHEMAS)[Name]>;

/** What a coordinator said of itself when asked. */
export interface CoordinatorCheck {
  readonly url: string;
  readonly name: string;
  readonly version: string;
  readonly tokenMode: boolean;
}

interface CallValues
  extends
    AdministrationCallValues,
    DeepLinkCallValues,
    HostCallValues,
    LibraryCallValues,
    LocalApiCallValues,
    ModelCallValues,
    OwnModelCallValues,
    PolicyCallValues,
    RecordCallValues,
    SessionCallValues,
    SystemCallValues,
    SupportCallValues,
    TrustCallValues {
  'app:get-snapshot': { readonly revision: number; readonly snapshot: AppSnapshot };
  'app:copy-text': null;
  'app:quit': null;
  'welcome:accept': null;
  'settings:update': null;
  'settings:set-access-token': null;
  'settings:set-invitation': null;
  'coordinator:check': CoordinatorCheck;
  'coordinator:get-join-details': JoinDetails;
  'node:pause': null;
  'node:resume': null;
  'node:retry': null;
  'node:measure-hardware': null;
  'node:answer-move': null;
  'chat:get': ConversationView;
  'chat:estimate': CostEstimate;
  /** The conversation with the new question and the waiting answer. */
  'chat:send': ConversationView;
  'chat:stop': null;
  /** Asks the last question again, of a model or of the one that answered; the earlier answer stays as a branch. */
  'chat:retry': ConversationView;
  /** Asks a question in other words; what followed the first ones stays as a branch. */
  'chat:edit': ConversationView;
  /** Shows the branch through a message, and remembers it. */
  'chat:show-branch': ConversationView;
  'chat:delete': null;
  'ledger:get-page': LedgerPage;
  'ledger:verify': LedgerVerification;
  'ledger:export': boolean;
}

export type CallOutput<Name extends Channel> = Result<CallValues[Name], AppErrorCode>;
