import type { FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import type { Random } from '../clock';
import type { HopContext } from '../pipeline/hop-driver';
import { RelayHop } from '../pipeline/relay-driver';
import type { NodeLinks, RelayRouter } from '../pipeline/relay-router';
import type { Allocations } from '../scheduling/allocations';
import { outputFingerprint, type SampledWork } from './work-sample';

const SCOPE_BYTES = 32;

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
    const free = this.allocations.begin([nodeId]);
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
      const opened = await hop.open(signal);
      if (!opened.ok) return null;
      hop.begin(positions, null);
      const compared = new Set(work.compared);
      const rows: FingerprintRow[] = [];
      for (const [index, input] of work.inputs.entries()) {
        const output = await hop.step(input, signal);
        if (!output.ok) return null;
        if (!compared.has(index)) continue;
        const row = outputFingerprint(output.value);
        if (row === null) return null;
        rows.push(row);
      }
      return rows;
    } finally {
      hop.close('length');
      free();
    }
  }
}
