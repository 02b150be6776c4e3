import { StopMatcher } from '../../inference/tokenizer/stop-matcher';
import type { AnswerToken, StepOutput } from './hop-driver';

type Tokens = Omit<Extract<StepOutput, { kind: 'tokens' }>, 'kind'>;

/**
 * Ends an answer at its stop strings, whoever sampled it. Nodes that know them end there by themselves, and then nothing
 * is left to cut; those of the baseline know none.
 */
export class AnswerStops {
  private readonly matcher: StopMatcher;

  constructor(stops: readonly string[]) {
    this.matcher = new StopMatcher(stops);
  }

  /**
   * The tokens of a step with the text that may be shown: what may begin a stop string waits for the next step.
   *
   * @param remaining - tokens the answer may still get, these included
   */
  cut({ tokens, finishReason }: Tokens, remaining: number): Tokens {
    const shown: AnswerToken[] = [];
    for (const token of tokens) {
      const { text, stopped } = this.matcher.push(token.text);
      shown.push({ ...token, text });
      if (stopped) return { tokens: shown, finishReason: 'stop' };
    }
    const last = shown.pop();
    if (last === undefined) return { tokens, finishReason };
    const isOver = finishReason !== null || tokens.length >= remaining;
    return { tokens: [...shown, isOver ? { ...last, text: last.text + this.matcher.finish() } : last], finishReason };
  }

  /** Text that waited when the answer ended without another token. */
  rest(): string {
    return this.matcher.finish();
  }
}
