import type { Engine, StartEngine } from '../../../node';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';

/**
 * A question and the answer the shipped model gives to it with greedy sampling. The answer was computed by the
 * independent reference of `resources/models/tore-tiny/train`; any correct engine gives exactly this text.
 */
export const GOLDEN = {
  question: 'What is GFT?',
  answer:
    'GFT is short for GigaFLOP-Token. You earn it by running model layers for others, and you spend it on inference. It cannot be sold or sent to anyone.',
} as const;

/** The answer has 53 tokens; one that goes on was not going to be right. */
const MAX_TOKENS = 64;
const SEQUENCE = 'self-test';
/** The shipped model takes about 20 MB; this bounds what the test may take. */
const MEMORY_BYTES = 512 * 1_048_576;

export interface GoldenRun {
  readonly answer: string;
  readonly provider: string;
  readonly durationMs: number;
}

/** Asks the shipped model in an engine of its own, which ends afterwards; work under way in another one goes on. */
export async function askGolden(
  startEngine: StartEngine,
  folders: { readonly model: string; readonly cache: string },
  signal: AbortSignal,
): Promise<Result<GoldenRun>> {
  const started = await startEngine();
  if (!started.ok) return started;
  const { engine } = started.value;
  const startedMs = performance.now();
  try {
    const answered = await answerOf(engine, folders, signal);
    return answered.ok ? success({ ...answered.value, durationMs: performance.now() - startedMs }) : answered;
  } finally {
    await engine.close();
  }
}

async function answerOf(
  engine: Engine,
  { model, cache }: { readonly model: string; readonly cache: string },
  signal: AbortSignal,
): Promise<Result<Omit<GoldenRun, 'durationMs'>>> {
  const read = await engine.readModel(model, { signal });
  if (!read.ok) return read;
  const range = { layer_start: 0, layer_end: read.value.manifest.total_layers - 1 };
  const loaded = await engine.loadShard(
    { folder: model, range, cacheFolder: cache, memoryBudgetBytes: MEMORY_BYTES },
    { signal },
  );
  if (!loaded.ok) return loaded;
  const { shardKey, provider } = loaded.value;
  const tokenized = await engine.tokenize(shardKey, { messages: [{ role: 'user', content: GOLDEN.question }] });
  if (!tokenized.ok) return tokenized;
  const { inputIds } = tokenized.value;
  const opened = await engine.openSequence({
    shardKey,
    sequenceId: SEQUENCE,
    maxPositions: inputIds.length + MAX_TOKENS,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    maxNewTokens: MAX_TOKENS,
  });
  if (!opened.ok) return opened;
  let answer = '';
  let next: readonly number[] = inputIds;
  let position = 0;
  for (;;) {
    if (signal.aborted) return mainFailure('cancelled', 'The self-test was cancelled.');
    const output = await engine.forward({ shardKey, sequenceId: SEQUENCE, position, input: { inputIds: next } });
    if (!output.ok) return output;
    if (output.value.kind !== 'token') return mainFailure('internal', 'The engine gave no token.');
    position += next.length;
    for (const token of output.value.tokens) answer += token.text;
    next = output.value.tokens.slice(-1).map(({ tokenId }) => tokenId);
    if (output.value.finishReason !== undefined || next.length === 0) return success({ answer, provider });
  }
}
