import type { FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import type { Random } from '../clock';
import type { HopContext, StepInput, StepOutput } from '../pipeline/hop-driver';
import { RelayHop } from '../pipeline/relay-driver';
import type { NodeLinks, RelayRouter } from '../pipeline/relay-router';
import type { Allocations } from '../scheduling/allocations';
import type { DrawnTokens } from './token-judge';
import { outputFingerprint, outputTokens, type SampledAnswer, type SampledWork } from './work-sample';

const SCOPE_BYTES = 32;
/** Longest time one node gets for all of it: other checks wait behind this one, and a node could draw it out for hours. */
export const MAX_REPEAT_MS = 60_000;

/**
 * Has real work done again at another node, in the form of an ordinary request: that node cannot tell it from one, so
 * it cannot behave for the check alone.
 */
export class RepeatedWork {
  constructor(
    private readonly links: NodeLinks,
    private readonly router: RelayRouter,
    private readonly allocations: Allocations,
    private readonly random: Random,
  ) {}

  /**
   * The fingerprints of the compared steps at another holder of the same layers, or null when it did not do them all.
   *
   * @param context - the hop the work was done at
   * @param positions - how long the sequence could become
   */
  async at(
    nodeId: string,
    context: HopContext,
    work: SampledWork,
    positions: number,
    signal: AbortSignal,
  ): Promise<readonly FingerprintRow[] | null> {
    const compared = new Set(work.compared);
    const rows: FingerprintRow[] = [];
    const isDone = await this.repeat(nodeId, context, work.inputs, positions, signal, (output, index) => {
      if (!compared.has(index)) return 'next';
      const row = outputFingerprint(output);
      if (row === null) return 'failed';
      rows.push(row);
      return 'next';
    });
    return isDone ? rows : null;
  }

  /**
   * The tokens another holder of the last layers draws from the same inputs and random numbers, step by step, up to where
   * it ends its answer; null when it did not do the work.
   */
  async tokensAt(
    nodeId: string,
    context: HopContext,
    { inputs, tokens }: SampledAnswer,
    positions: number,
    signal: AbortSignal,
  ): Promise<DrawnTokens | null> {
    const drawn: (readonly number[] | null)[] = [];
    const isDone = await this.repeat(nodeId, context, inputs, positions, signal, (output, index) => {
      const ids = outputTokens(output);
      drawn.push(ids);
      // A node that took another number of guesses, or has ended, cannot go on with what comes next.
      const isApart = ids !== null && ids.length !== (tokens[index]?.length ?? 0);
      return isApart || (output.kind === 'tokens' && output.finishReason !== null) ? 'enough' : 'next';
    });
    return isDone ? drawn : null;
  }

  /** Feeds steps to a node in the form of a request. @returns false when it did not do them, or not in time */
  private async repeat(
    nodeId: string,
    context: HopContext,
    inputs: readonly StepInput[],
    positions: number,
    signal: AbortSignal,
    see: (output: StepOutput, index: number) => 'next' | 'enough' | 'failed',
  ): Promise<boolean> {
    const free = this.allocations.begin([nodeId]);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), MAX_REPEAT_MS);
    const inTime = AbortSignal.any([signal, late.signal]);
    const hop = new RelayHop(
      {
        ...context,
        nodeId,
        pipelineId: this.random.uuid(),
        // A name of nobody: nothing of another request is reused, or of this one later.
        reuseScope: Buffer.from(this.random.bytes(SCOPE_BYTES)).toString('base64url'),
        timed: () => undefined,
        links: { next: null, previousSecret: null },
      },
      this.links,
      this.router,
    );
    try {
      const opened = await hop.open(inTime);
      if (!opened.ok) return false;
      hop.begin(positions, null);
      for (const [index, input] of inputs.entries()) {
        const output = await hop.step(input, inTime);
        if (!output.ok) return false;
        const seen = see(output.value, index);
        if (seen !== 'next') return seen === 'enough';
      }
      return true;
    } finally {
      clearTimeout(timer);
      hop.close('length');
      free();
    }
  }
}
