import type { PlannedHop } from '../scheduling/scheduler';
import type { AnswerToken } from './hop-driver';

/** Told while a pipeline runs. A slow listener slows the pipeline down. */
export interface PipelineListener {
  started(hops: readonly PlannedHop[], inputTokens: number): Promise<void>;
  tokens(tokens: readonly AnswerToken[], firstIndex: number): Promise<void>;
  /** The answer pauses because nobody serves these layers; it waits this long for somebody. */
  waiting(layersMissing: readonly number[], seconds: number): void;
}
