import { Type, type Static } from 'typebox';
import { DEFAULT_NOTIFICATIONS, DEFAULT_STATISTICS, NotificationSettings, StatisticsSettings } from './records';
import { DEFAULT_LOCAL_API, LocalApiSettings } from './local-api-calls';
import { LanguageChoice } from './language';
import { DEFAULT_UPDATES, UpdateSettings } from './system-calls';
import { MODEL_LIMITS } from '../protocol/compute/model';
import { DEFAULT_POLICY, HELD_PRECISIONS, MOVE_CONSENT, PolicyPreferences } from '../protocol/compute/run-preferences';

export { MOVE_CONSENT } from '../protocol/compute/run-preferences';

/** Smallest and largest memory a shard may be given; below the smallest not even the shipped model fits. */
export const MEMORY_BUDGET_MB = { minimum: 64, maximum: 1_048_576 } as const;

export const ThemeChoice = Type.Union([Type.Literal('system'), Type.Literal('light'), Type.Literal('dark')]);
export type ThemeChoice = Static<typeof ThemeChoice>;

/** How large everything in the window is drawn, 1 is as it comes. */
export const TextScale = Type.Union([
  Type.Literal(1),
  Type.Literal(1.25),
  Type.Literal(1.5),
  Type.Literal(1.75),
  Type.Literal(2),
]);
export type TextScale = Static<typeof TextScale>;
export const TEXT_SCALES = [1, 1.25, 1.5, 1.75, 2] as const satisfies readonly TextScale[];

/** Which layers to serve: what the coordinator suggests, or a range the user fixed (both ends inclusive). */
export const LayerChoice = Type.Union([
  Type.Object({ kind: Type.Literal('automatic') }),
  Type.Object({
    kind: Type.Literal('range'),
    start: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
    end: Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers - 1 }),
  }),
]);
export type LayerChoice = Static<typeof LayerChoice>;

/** The coordinator of this app: its own on this computer, or one that others run. */
export const CoordinatorChoice = Type.Union([
  Type.Object({ kind: Type.Literal('embedded') }),
  Type.Object({ kind: Type.Literal('remote'), url: Type.String({ minLength: 1, maxLength: 2_000 }) }),
]);
export type CoordinatorChoice = Static<typeof CoordinatorChoice>;

/** How much this computer gives. */
export const ContributionSettings = Type.Object({
  /** Null: the engine chooses by the number of cores. */
  cpuThreads: Type.Union([Type.Integer({ minimum: 1, maximum: 1_024 }), Type.Null()]),
  memoryBudgetMb: Type.Integer(MEMORY_BUDGET_MB),
  pauseOnBattery: Type.Boolean(),
  layerChoice: LayerChoice,
  /** How weights are held; null: as the coordinator suggests. */
  precision: Type.Union([Type.Enum(HELD_PRECISIONS), Type.Null()]),
  /** Whether the coordinator may have other layers held here later, where it chooses them. */
  moveConsent: Type.Enum(MOVE_CONSENT),
  /** Folder or file of the model to serve; null with no `modelId` is the model shipped with the app. */
  modelFolder: Type.Union([Type.String({ minLength: 1, maxLength: 4_000 }), Type.Null()]),
  /** A model of the coordinator's list to serve, whose layers are fetched; it comes before the folder. */
  modelId: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]),
  /** Activations go to the neighbours of a pipeline without the way over the coordinator; they learn the address. */
  directLinks: Type.Boolean(),
});
export type ContributionSettings = Static<typeof ContributionSettings>;

/** Who answers in Chat: whoever the coordinator finds, nodes alone, or its operator's server outside alone. */
export const ANSWERED_BY = ['automatic', 'nodes', 'fallback'] as const;
export type AnsweredBy = (typeof ANSWERED_BY)[number];

/** How answers are sampled in Chat. Temperature 0 always gives the most likely answer. */
export const ChatSettings = Type.Object({
  maxNewTokens: Type.Integer({ minimum: 1, maximum: 32_768 }),
  temperature: Type.Number({ minimum: 0, maximum: 2 }),
  topK: Type.Integer({ minimum: 0, maximum: 1_000 }),
  topP: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  seed: Type.Union([Type.Integer({ minimum: 0, maximum: 4_294_967_295 }), Type.Null()]),
  answeredBy: Type.Enum(ANSWERED_BY),
});
export type ChatSettings = Static<typeof ChatSettings>;

/** Everything the user can set; secrets are kept elsewhere. */
export const Settings = Type.Object({
  /** When the user agreed to what the app does with this computer, RFC 3339; null: not yet, nothing is contributed. */
  consentAt: Type.Union([Type.String({ maxLength: 40 }), Type.Null()]),
  /** Region code as `DE` or `US-NY`, for grid-aware scheduling; null: not said. */
  region: Type.Union([Type.String({ pattern: '^[A-Z]{2}(-[A-Z0-9]{1,3})?$' }), Type.Null()]),
  theme: ThemeChoice,
  language: LanguageChoice,
  textScale: TextScale,
  /** Closing the window leaves the app working in the tray. */
  closeToTray: Type.Boolean(),
  /** The app starts when the person logs in, and then with or without its window. */
  startAtLogin: Type.Boolean(),
  startHidden: Type.Boolean(),
  updates: UpdateSettings,
  coordinator: CoordinatorChoice,
  /** Whether the embedded coordinator keeps GFT accounts. */
  embeddedTokenEconomy: Type.Boolean(),
  contribution: ContributionSettings,
  /** When and how hard this computer works. */
  policy: PolicyPreferences,
  chat: ChatSettings,
  /** The endpoint for other programs of this computer. */
  localApi: LocalApiSettings,
  notifications: NotificationSettings,
  statistics: StatisticsSettings,
});
export type Settings = Static<typeof Settings>;

/** What a first start works with. */
export const DEFAULT_SETTINGS: Settings = {
  consentAt: null,
  region: null,
  theme: 'system',
  language: 'system',
  textScale: 1,
  closeToTray: true,
  startAtLogin: false,
  startHidden: true,
  updates: DEFAULT_UPDATES,
  coordinator: { kind: 'embedded' },
  embeddedTokenEconomy: true,
  contribution: {
    cpuThreads: null,
    memoryBudgetMb: 1_024,
    pauseOnBattery: true,
    layerChoice: { kind: 'automatic' },
    precision: null,
    moveConsent: 'ask',
    modelFolder: null,
    modelId: null,
    directLinks: false,
  },
  policy: DEFAULT_POLICY,
  chat: { maxNewTokens: 160, temperature: 0, topK: 0, topP: 1, seed: null, answeredBy: 'automatic' },
  localApi: DEFAULT_LOCAL_API,
  notifications: DEFAULT_NOTIFICATIONS,
  statistics: DEFAULT_STATISTICS,
};
