import type { Precision } from '../../protocol/compute/formulas';
import type { ProofPrecision } from '../../protocol/compute/activation-fingerprint';
import type { Clock, Random } from '../clock';
import type { Logger } from '../logger';
import type { HopContext } from '../pipeline/hop-driver';
import { ReplayMemory } from '../pipeline/span-recorder';
import type { HopWatcher, WatchedPlace } from '../pipeline/watched-hop';
import type { PipelinePlan, PlannedHop } from '../scheduling/scheduler';
import type { RegisteredShard, ShardRegistry } from '../scheduling/shard-registry';
import { Turnstile } from '../turnstile';
import type { IndependentHolders } from './independent-holders';
import type { ReferenceRuns } from './own-runs';
import { agree, judgeByMajority, judgeByReference, type GivenProof, type Judgement } from './proof-judge';
import type { RepeatedWork } from './repeated-work';
import { agreeOnTokens } from './token-judge';
import { SAMPLE_LIMITS, WorkSample } from './work-sample';

/** Samples that wait to be done again; beyond it new ones are not taken. */
const MAX_WAITING = 8;
/** A sample that is not being done again after this time is forgotten. */
const MAX_AGE_MS = 60_000;
/** Nodes that may do one piece of work again: one, and another where the first disagrees. */
const MAX_PEERS = 2;

/** The requester's rights in its data, as far as they matter here. */
export interface WorkOwner {
  readonly nodeId: string;
  readonly sessionId?: string | undefined;
  /** Given where another coordinator pays. */
  readonly account?: unknown;
}

/** What a check found about a node. */
export interface WorkFinding {
  readonly nodeId: string;
  readonly modelId: string;
  readonly layerStart: number;
  readonly layerEnd: number;
  readonly passed: boolean;
  readonly finding: string;
}

/** A hop of a request whose work is kept to be done again. */
export interface SampledHop extends WatchedPlace {
  /** The request ended well: the work is done again soon. The requester does not wait for it. */
  check(): void;
  /** Forgets what was kept. */
  drop(): void;
}

/** A hop whose work can be judged. */
interface Place {
  readonly hop: number;
  readonly shard: RegisteredShard;
  /** It hands on tokens instead of activations. */
  readonly isLast: boolean;
}

export interface WorkCheckParts {
  readonly registry: ShardRegistry;
  readonly holders: IndependentHolders;
  readonly runs: ReferenceRuns;
  readonly repeated: RepeatedWork;
  /** False for work that must not be done anywhere else: its data may not be copied. */
  readonly mayCopy: (owner: WorkOwner) => Promise<boolean>;
  readonly found: (finding: WorkFinding) => Promise<void>;
}

/** Half precision is judged as fp32: hardware that computes in it stays within those thresholds. */
function judgedPrecision(precision: Precision): ProofPrecision {
  return precision === 'fp16' ? 'fp32' : precision;
}

/**
 * Checks hidden inside ordinary requests: of some requests one hop is done again by the coordinator itself or by an
 * independent node, from the inputs the hop really got, and its activations are compared by the rule of proofs
 * (docs/proof-of-work.md). No message tells a node that its work is looked at.
 */
export class WorkChecks {
  private readonly memory = new ReplayMemory(SAMPLE_LIMITS.bytesTotal);
  private readonly turns = new Turnstile();
  private readonly stopping = new AbortController();
  private waiting = 0;

  constructor(
    private readonly parts: WorkCheckParts,
    private readonly rate: number,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {}

  /** The hop of a request that is going to be checked, or null for most requests. */
  async choose(owner: WorkOwner, plan: PipelinePlan): Promise<SampledHop | null> {
    if (!this.isDrawn() || this.waiting >= MAX_WAITING) return null;
    if (owner.account !== undefined || !(await this.parts.mayCopy(owner))) return null;
    const places = await this.comparable(plan);
    const place = places[(this.random.bytes(1)[0] ?? 0) % Math.max(1, places.length)];
    if (place === undefined) return null;
    const { shard, hop, isLast } = place;
    let sample: WorkSample | null = null;
    return {
      hop,
      watch: (context: HopContext): HopWatcher => {
        sample = new WorkSample(context, this.memory);
        return sample;
      },
      check: () => {
        if (sample !== null) this.enqueue(sample, shard, isLast);
      },
      drop: () => sample?.clear(),
    };
  }

  /** Ends what is under way and forgets the rest. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.turns.run(() => Promise.resolve());
  }

  private isDrawn(): boolean {
    if (this.rate === 0 || this.stopping.signal.aborted) return false;
    return Buffer.from(this.random.bytes(4)).readUInt32LE() / 2 ** 32 < this.rate;
  }

  /**
   * Hops of which somebody can say what should have come out: activations can be compared with the coordinator's own run
   * or an independent node's, the tokens of the last hop with those an independent node draws.
   */
  private async comparable(plan: PipelinePlan): Promise<Place[]> {
    const found: Place[] = [];
    for (const [hop, planned] of plan.hops.entries()) {
      const isLast = hop === plan.hops.length - 1;
      const shard = this.shardOf(plan, planned);
      if (shard === undefined || planned.transport.kind !== 'ws-relay') continue;
      const isComparable =
        (!isLast && this.parts.runs.canRun(plan.model)) ||
        (await this.parts.holders.of(shard, new Set([planned.nodeId]))).some(
          ({ precision }) => !isLast || precision === shard.precision,
        );
      if (isComparable) found.push({ hop, shard, isLast });
    }
    return found;
  }

  /** The registration behind a hop; a pipeline may use a part of a shard, which nobody else holds as such. */
  private shardOf(plan: PipelinePlan, { nodeId, range }: PlannedHop): RegisteredShard | undefined {
    return this.parts.registry
      .shardsOfNode(nodeId)
      .find(
        (shard) =>
          plan.manifestHash !== null &&
          shard.manifestHash === plan.manifestHash &&
          shard.layerStart === range.layer_start &&
          shard.layerEnd === range.layer_end,
      );
  }

  private enqueue(sample: WorkSample, shard: RegisteredShard, isLast: boolean): void {
    const endedAtMs = this.clock.nowMs();
    this.waiting += 1;
    const check = async (): Promise<void> => {
      try {
        const isLate = this.clock.nowMs() - endedAtMs > MAX_AGE_MS;
        if (isLate || this.stopping.signal.aborted) return;
        if (isLast) await this.judgeAnswer(sample, shard);
        else await this.judgeActivations(sample, shard);
      } finally {
        this.waiting -= 1;
        sample.clear();
      }
    };
    void this.turns
      .run(check)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'real work could not be checked'));
  }

  private async judgeActivations(sample: WorkSample, shard: RegisteredShard): Promise<void> {
    const work = sample.work(this.random);
    if (work === null) return;
    const { context, maxPositions } = sample;
    const given: GivenProof = { precision: judgedPrecision(shard.precision), rows: work.rows };
    if (this.parts.runs.canRun(context.model)) {
      const rows = await this.parts.runs.repeat(context.model, context.range, given.precision, work);
      if (rows !== null) return this.tell(shard, judgeByReference(given, rows));
    }
    const { signal } = this.stopping;
    await this.askPeers(shard, given, agree, async (peer) => {
      const rows = await this.parts.repeated.at(peer.nodeId, context, work, maxPositions, signal);
      return rows === null ? null : { precision: judgedPrecision(peer.precision), rows };
    });
  }

  private async judgeAnswer(sample: WorkSample, shard: RegisteredShard): Promise<void> {
    const answer = sample.answer();
    if (answer === null) return;
    const { context, maxPositions } = sample;
    const { signal } = this.stopping;
    await this.askPeers(
      shard,
      answer.tokens,
      agreeOnTokens,
      (peer) => this.parts.repeated.tokensAt(peer.nodeId, context, answer, maxPositions, signal),
      ({ precision }) => precision === shard.precision,
    );
  }

  /** Has the work done by one independent node, and by another where the first disagrees, and tells what was found. */
  private async askPeers<Answer>(
    shard: RegisteredShard,
    given: Answer,
    compare: Parameters<typeof judgeByMajority<Answer>>[1],
    repeatAt: (peer: RegisteredShard) => Promise<Answer | null>,
    isFit: (peer: RegisteredShard) => boolean = () => true,
  ): Promise<void> {
    const answers = [{ shard, answer: given }];
    const asked = new Set([shard.nodeId]);
    while (asked.size <= MAX_PEERS) {
      const peer = (await this.parts.holders.of(shard, asked)).find(isFit);
      if (peer === undefined) break;
      asked.add(peer.nodeId);
      const answer = await repeatAt(peer);
      if (answer === null) continue;
      answers.push({ shard: peer, answer });
      const judgements = judgeByMajority(
        answers.map((each) => each.answer),
        compare,
      );
      if (judgements === null) continue;
      for (const [index, each] of answers.entries()) {
        const judgement = judgements[index];
        if (judgement !== undefined) await this.tell(each.shard, judgement);
      }
      return;
    }
    if (answers.length < 2) return;
    this.logger.warn(
      { nodes: answers.map((each) => each.shard.nodeId), modelId: shard.modelId },
      'independent nodes disagree about real work and nobody can decide between them',
    );
  }

  private tell({ nodeId, modelId, layerStart, layerEnd }: RegisteredShard, judgement: Judgement): Promise<void> {
    return this.parts.found({ nodeId, modelId, layerStart, layerEnd, ...judgement });
  }
}
