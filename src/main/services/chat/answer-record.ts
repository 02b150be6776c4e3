import type { ConversationMessage } from '../../../protocol/conversation/conversation';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { AnswerFacts, AnswerState } from '../../../contract/chat';
import { toWireGft } from '../../../protocol/compute/micro-gft';

/*
 * An answer in a tore-0005 message: the text as content, tokens and the settled cost under `usage`, and what this
 * program alone knows under `metadata.tore_desktop`.
 */

const METADATA_KEY = 'tore_desktop';

const FailureRecord = Type.Object({
  code: Type.String(),
  message: Type.String(),
  retryable: Type.Boolean(),
  suggestion: Type.Optional(Type.String()),
});
const AnswerStateRecord = Type.Union([
  Type.Object({ kind: Type.Literal('waiting') }),
  Type.Object({ kind: Type.Literal('streaming') }),
  Type.Object({
    kind: Type.Literal('finished'),
    reason: Type.Union([Type.Literal('stop'), Type.Literal('length')]),
  }),
  Type.Object({ kind: Type.Literal('stopped') }),
  Type.Object({ kind: Type.Literal('failed'), error: FailureRecord }),
]);
const AnswerFactsRecord = Type.Object({
  modelId: Type.String(),
  hops: Type.Array(
    Type.Object({
      nodeId: Type.String(),
      layerStart: Type.Integer(),
      layerEnd: Type.Integer(),
      transport: Type.String(),
      isThisComputer: Type.Boolean(),
    }),
  ),
  isFallback: Type.Optional(Type.Boolean()),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  tokensPerSecond: Type.Union([Type.Number(), Type.Null()]),
  durationMs: Type.Union([Type.Number(), Type.Null()]),
  settledCost: Type.Union([
    Type.Object({ microGft: Type.Integer(), ledgerRef: Type.String(), confirmedAt: Type.String() }),
    Type.Null(),
  ]),
  servedBy: Type.Optional(
    Type.Object({
      name: Type.String(),
      amount: Type.Number(),
      unit: Type.String(),
      peerRef: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});
const AnswerRecord = Type.Object({
  state: AnswerStateRecord,
  facts: Type.Union([AnswerFactsRecord, Type.Null()]),
  /** Earlier questions with their answers that did not fit into the model's context. */
  turns_left_out: Type.Optional(Type.Integer({ minimum: 0 })),
});
type AnswerRecord = Static<typeof AnswerRecord>;

/** What Chat knows of an answer beside its text. */
export interface AnswerDetails {
  readonly state: AnswerState;
  readonly facts: AnswerFacts | null;
  readonly turnsLeftOut: number;
}

/** Reads the details of an answer; one that another program wrote counts as finished. */
export function readAnswer(message: ConversationMessage): AnswerDetails {
  const record: unknown = message.metadata?.[METADATA_KEY];
  if (!Value.Check(AnswerRecord, record)) {
    return { state: { kind: 'finished', reason: 'stop' }, facts: null, turnsLeftOut: 0 };
  }
  return { state: record.state as AnswerState, facts: record.facts, turnsLeftOut: record.turns_left_out ?? 0 };
}

/** Writes an answer's text and details into its message. A cost appears only once the ledger has confirmed it. */
export function writeAnswer(message: ConversationMessage, text: string, details: AnswerDetails): ConversationMessage {
  const { facts } = details;
  const record: AnswerRecord = {
    state: details.state as AnswerRecord['state'],
    facts: facts === null ? null : { ...facts, hops: facts.hops.map((hop) => ({ ...hop })) },
    turns_left_out: details.turnsLeftOut,
  };
  const written: ConversationMessage = {
    ...message,
    content: [{ type: 'text', text }],
    metadata: { ...message.metadata, [METADATA_KEY]: record },
  };
  if (facts === null) return written;
  const usage: Record<string, unknown> = { input_tokens: facts.inputTokens, output_tokens: facts.outputTokens };
  if (facts.settledCost !== null) {
    usage['inference_cost'] = {
      amount: toWireGft(facts.settledCost.microGft),
      unit: 'GFT',
      model_id: facts.modelId,
      input_tokens: facts.inputTokens,
      output_tokens: facts.outputTokens,
      ledger_ref: facts.settledCost.ledgerRef,
      confirmed_at: facts.settledCost.confirmedAt,
    };
  }
  return { ...written, usage };
}

/** Whether an answer was under way when it was written last. */
export function isUnfinished(state: AnswerState): boolean {
  return state.kind === 'waiting' || state.kind === 'streaming';
}
