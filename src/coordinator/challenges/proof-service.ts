import { Compile } from 'typebox/compile';
import { countFlops } from '../../protocol/compute/flops';
import { ProofAnswer } from '../../protocol/compute/http/proofs';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import type { Logger } from '../logger';
import type { KnownModel, ModelCatalogue } from '../models/model-catalogue';
import type { RegisteredShard, ShardRegistry } from '../scheduling/shard-registry';
import { PROOF_TYPE, type ChallengeStore, type TaskRow, type Verdict } from './challenge-store';
import type { IndependentHolders } from './independent-holders';
import type { ReferenceRuns } from './own-runs';
import { agree, judgeByMajority, judgeByReference, type GivenProof } from './proof-judge';

const SEED_BYTES = 32;
/** Positions of a proof, for its estimate. */
const PROOF_POSITIONS = 11;
/** Independent nodes one proof may involve: two, and a third where these disagree. */
const MAX_PEERS = 3;

const answerChecker = Compile(ProofAnswer);

/** What became of an answer: a verdict at once, or waiting for the one it is compared with. */
export type ProofOutcome =
  | {
      readonly kind: 'judged';
      readonly verdicts: readonly Verdict[];
      readonly own: Verdict | null;
      readonly finding: string;
    }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'dropped'; readonly reason: string };

/**
 * Proofs of work done: fresh random input through a node's layers, its fingerprint compared with the coordinator's own
 * run or with that of independent nodes which hold the same layers.
 */
export class ProofService {
  constructor(
    private readonly store: ChallengeStore,
    private readonly holders: IndependentHolders,
    private readonly registry: ShardRegistry,
    private readonly catalogue: ModelCatalogue,
    private readonly runs: ReferenceRuns,
    private readonly config: Pick<CoordinatorConfig, 'taskTimeoutSeconds'>,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {}

  /**
   * Makes the tasks of a new proof for a shard: one, or one more for an independent holder of the same layers. Empty
   * when there is nothing to compare an answer with; then only a baseline challenge can be given.
   */
  async create(shard: RegisteredShard): Promise<TaskRow[]> {
    const model = this.modelOf(shard);
    if (model === null) return [];
    const peers = this.runs.canRun(model) ? [] : await this.holders.of(shard, new Set([shard.nodeId]));
    const [peer] = peers;
    if (!this.runs.canRun(model) && peer === undefined) return [];
    const group = this.random.uuid();
    const seed = Buffer.from(this.random.bytes(SEED_BYTES)).toString('hex');
    const tasks = [shard, ...(peer === undefined ? [] : [peer])].map((one) => this.taskOf(one, model, group, seed));
    for (const task of tasks) await this.store.insert(task);
    return tasks;
  }

  /** Takes an answer and judges what can be judged now. `more` are tasks that have to be handed out. */
  async answer(task: TaskRow, given: unknown): Promise<{ readonly outcome: ProofOutcome; readonly more: TaskRow[] }> {
    if (!answerChecker.Check(given)) {
      const own = await this.store.decide(task.id, 'failed', finding('The answer holds no fingerprint.'));
      return { outcome: judged(own === null ? [] : [own], own, 'The answer holds no fingerprint.'), more: [] };
    }
    const model = this.catalogue.variants(task.model_id).find((known) => known.manifestHash === task.expected_hash);
    const isRunHere = model !== undefined && this.runs.canRun(model);
    // The own run may take until after the time of the task, and an answer must not get away by coming late.
    const judgedByMs = isRunHere ? this.clock.nowMs() + this.config.taskTimeoutSeconds * 1_000 : null;
    const kept = { precision: given.precision, rows: given.rows.map(({ indexes, values }) => ({ indexes, values })) };
    if (!(await this.store.keepProof(task.id, JSON.stringify(kept), judgedByMs))) {
      return { outcome: { kind: 'dropped', reason: 'The task was answered already.' }, more: [] };
    }
    if (isRunHere) {
      const reference = await this.runs.run(model, rangeOf(task), given.precision, task.prompt);
      if (reference !== null) {
        const judgement = judgeByReference(given, reference);
        const own = await this.store.decide(
          task.id,
          judgement.passed ? 'verified' : 'failed',
          finding(judgement.finding),
        );
        return { outcome: judged(own === null ? [] : [own], own, judgement.finding), more: [] };
      }
    }
    return this.compareGroup(task, model ?? null);
  }

  private async compareGroup(
    task: TaskRow,
    model: KnownModel | null,
  ): Promise<{ readonly outcome: ProofOutcome; readonly more: TaskRow[] }> {
    const group = await this.store.group(task.proof_group ?? '');
    const open = group.filter((one) => one.status === 'dispatched');
    const answered = open.flatMap((one) => {
      const proof = storedProof(one);
      return proof === null ? [] : [{ task: one, proof }];
    });
    if (answered.length < open.length) return { outcome: { kind: 'waiting' }, more: [] };
    const judgements = judgeByMajority(
      answered.map(({ proof }) => proof),
      agree,
    );
    if (judgements === null) return this.disagreement(task, model, group, open);
    const verdicts: Verdict[] = [];
    let own: Verdict | null = null;
    let said = '';
    for (const [index, { task: one }] of answered.entries()) {
      const judgement = judgements[index];
      if (judgement === undefined) continue;
      const verdict = await this.store.decide(
        one.id,
        judgement.passed ? 'verified' : 'failed',
        finding(judgement.finding),
      );
      if (verdict !== null) verdicts.push(verdict);
      if (one.id === task.id) [own, said] = [verdict, judgement.finding];
    }
    return { outcome: judged(verdicts, own, said), more: [] };
  }

  /** Two nodes disagree: a third one decides. Without one nothing is proved against either, so neither is judged. */
  private async disagreement(
    task: TaskRow,
    model: KnownModel | null,
    group: readonly TaskRow[],
    open: readonly TaskRow[],
  ): Promise<{ readonly outcome: ProofOutcome; readonly more: TaskRow[] }> {
    const asked = new Set(group.map((one) => one.node_id));
    const shard = this.registry.shardsOfNode(task.node_id).find((one) => one.modelId === task.model_id);
    const [third] =
      shard === undefined || model === null || asked.size >= MAX_PEERS ? [] : await this.holders.of(shard, asked);
    if (third !== undefined && model !== null && task.proof_group !== null) {
      const more = this.taskOf(third, model, task.proof_group, task.prompt);
      await this.store.join(more);
      return { outcome: { kind: 'waiting' }, more: [more] };
    }
    for (const one of open) await this.store.remove(one.id);
    this.logger.warn(
      { nodes: open.map((one) => one.node_id), modelId: task.model_id },
      'proofs of independent nodes disagree and nobody can decide between them',
    );
    return { outcome: { kind: 'dropped', reason: 'Independent nodes disagree, and nobody could decide.' }, more: [] };
  }

  private modelOf(shard: RegisteredShard): KnownModel | null {
    return this.catalogue.variants(shard.modelId).find((model) => model.manifestHash === shard.manifestHash) ?? null;
  }

  private taskOf(shard: RegisteredShard, model: KnownModel, group: string, seed: string): TaskRow {
    const nowMs = this.clock.nowMs();
    const range = { layer_start: shard.layerStart, layer_end: shard.layerEnd };
    return {
      id: this.random.uuid(),
      node_id: shard.nodeId,
      task_type: PROOF_TYPE,
      channel: 'ws',
      model_id: shard.modelId,
      ...range,
      prompt: seed,
      expected_hash: model.manifestHash,
      flops_estimated: countFlops(model.manifest.shape, range, PROOF_POSITIONS, 0),
      status: 'dispatched',
      result_hash: null,
      flops_delivered: null,
      execution_time_ms: null,
      created_at: timestampOf(nowMs),
      expires_at: timestampOf(nowMs + this.config.taskTimeoutSeconds * 1_000),
      completed_at: null,
      verdict_order: null,
      proof_group: group,
      proof_json: null,
    };
  }
}

function rangeOf(task: TaskRow): { layer_start: number; layer_end: number } {
  return { layer_start: task.layer_start, layer_end: task.layer_end };
}

function finding(text: string): { resultHash: string; flopsDelivered: number; executionTimeMs: number } {
  return { resultHash: text, flopsDelivered: 0, executionTimeMs: 0 };
}

function judged(verdicts: readonly Verdict[], own: Verdict | null, said: string): ProofOutcome {
  return { kind: 'judged', verdicts, own, finding: said };
}

function storedProof(task: TaskRow): GivenProof | null {
  const parsed: unknown = task.proof_json === null ? null : JSON.parse(task.proof_json);
  return answerChecker.Check(parsed) ? parsed : null;
}
