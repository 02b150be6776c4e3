import { Type } from 'typebox';
import { HELD_PRECISIONS } from '../../protocol/compute/run-preferences';
import { Compile } from 'typebox/compile';
import { ChatMessage, LayerRange, ModelManifest, Sampling, SAMPLING_LIMITS } from '../../protocol/compute/model';
import { MAX_DEVICE_ID } from '../device';
import { MAX_DRAFT_IDS, type Engine } from './engine';

/**
 * Messages between an `EngineClient` and the process that serves the engine.
 *
 * ```
 * client                         engine
 *   │── call {id, method, input} ──►│
 *   │◄── progress {id, fraction} ───│  long calls only
 *   │── cancel {id} ───────────────►│  any number of times, also too late
 *   │◄── result {id, result} ───────│  exactly one per call
 * ```
 */
export type EngineMethod = keyof Engine;

/** Paths and ids of our own making; the bounds only stop nonsense. */
const Text = Type.String({ maxLength: 4_096 });
const ShardKey = Type.Object({ shardKey: Text });
/** The largest prompt a context can hold. */
const MAX_INPUT_IDS = 16_777_216;

const Float32 = Type.Refine(Type.Unsafe<Float32Array>({}), (value: unknown) => value instanceof Float32Array);

/** A text that may be left out. */
const OptionalText = Type.Optional(Type.Union([Text, Type.Undefined()]));
const Hosts = Type.Optional(Type.Union([Type.Array(Text, { maxItems: 32 }), Type.Undefined()]));
const HubRequest = Type.Object({
  endpoint: OptionalText,
  repository: Text,
  revision: OptionalText,
  file: OptionalText,
  accessToken: OptionalText,
  redirectHosts: Hosts,
});

const DeviceLimit = Type.Object({
  provider: Text,
  deviceId: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: MAX_DEVICE_ID }), Type.Undefined()])),
  memoryBudgetBytes: Type.Number({ minimum: 0 }),
});

/** What each method takes, as one object. */
export const METHOD_INPUTS = {
  listProviders: Type.Object({}),
  benchmark: Type.Object({}),
  readModel: Type.Object({ folder: Text, cacheFolder: OptionalText }),
  fetchLayers: Type.Object({
    manifest: ModelManifest,
    sources: Type.Array(Type.Object({ baseUrl: Text, accessToken: OptionalText, redirectHosts: Hosts }), {
      maxItems: 32,
    }),
    range: LayerRange,
    folder: Text,
  }),
  importHubModel: Type.Object({ ...HubRequest.properties, folder: Text }),
  loadShard: Type.Object({
    folder: Text,
    range: LayerRange,
    cacheFolder: Text,
    memoryBudgetBytes: Type.Number({ minimum: 0 }),
    precision: Type.Optional(Type.Union([Type.Enum(HELD_PRECISIONS), Type.Undefined()])),
    providers: Type.Optional(Type.Union([Type.Array(Text, { maxItems: 32 }), Type.Undefined()])),
    devices: Type.Optional(Type.Union([Type.Array(DeviceLimit, { minItems: 1, maxItems: 32 }), Type.Undefined()])),
    threads: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: 1_024 }), Type.Undefined()])),
  }),
  unloadShard: ShardKey,
  tokenize: Type.Object({
    shardKey: Text,
    input: Type.Union([
      Type.Object({ prompt: Type.String() }),
      Type.Object({ messages: Type.Array(ChatMessage, { maxItems: 10_000 }) }),
    ]),
  }),
  openSequence: Type.Object({
    shardKey: Text,
    sequenceId: Text,
    maxPositions: Type.Number(),
    reuseScope: OptionalText,
    isRepeatable: Type.Optional(Type.Union([Type.Boolean(), Type.Undefined()])),
    sampling: Type.Optional(Type.Union([Sampling, Type.Undefined()])),
    maxNewTokens: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }), Type.Undefined()]),
    ),
    answered: Type.Optional(
      Type.Union([
        Type.Object({
          promptPositions: Type.Number(),
          tokenIds: Type.Array(Type.Number(), { maxItems: SAMPLING_LIMITS.maxNewTokens }),
        }),
        Type.Undefined(),
      ]),
    ),
  }),
  forward: Type.Object({
    shardKey: Text,
    sequenceId: Text,
    position: Type.Number(),
    input: Type.Union([
      Type.Object({ inputIds: Type.Array(Type.Number(), { maxItems: MAX_INPUT_IDS }) }),
      Type.Object({ activation: Float32, positions: Type.Number() }),
    ]),
    sample: Type.Optional(Type.Union([Type.Boolean(), Type.Undefined()])),
    draftIds: Type.Optional(Type.Union([Type.Array(Type.Number(), { maxItems: MAX_DRAFT_IDS }), Type.Undefined()])),
  }),
  closeSequence: Type.Object({ shardKey: Text, sequenceId: Text }),
  metrics: Type.Object({}),
  close: Type.Object({}),
} as const satisfies Record<EngineMethod, unknown>;

/** A call's number: counted up by the client, never used twice. */
const CallId = Type.Integer({ minimum: 0 });
const Call = Type.Object({ type: Type.Literal('call'), id: CallId, method: Type.String(), input: Type.Unknown() });
const Cancel = Type.Object({ type: Type.Literal('cancel'), id: CallId });
const Progress = Type.Object({
  type: Type.Literal('progress'),
  id: CallId,
  fraction: Type.Number(),
  label: Type.String(),
});
const Failed = Type.Object({
  ok: Type.Literal(false),
  error: Type.Object({ code: Type.String(), message: Type.String(), retryable: Type.Boolean() }),
});
const Answer = Type.Object({
  type: Type.Literal('result'),
  id: CallId,
  result: Type.Union([Type.Object({ ok: Type.Literal(true) }), Failed]),
});

export const callCheck = Compile(Call);
export const cancelCheck = Compile(Cancel);
export const progressCheck = Compile(Progress);
export const answerCheck = Compile(Answer);

/** The message's number, where it has one that an answer can name. */
export function callIdOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || !('id' in message)) return undefined;
  return typeof message.id === 'number' && Number.isInteger(message.id) ? message.id : undefined;
}
