import { createHash, timingSafeEqual } from 'node:crypto';
import { baselineChallengeText } from '../../protocol/compute/baseline-challenge';
import { countRangeRequestFlops } from '../../protocol/compute/flops';
import { redundancyRate } from '../../protocol/compute/formulas';
import type { AdminChallenge } from '../../protocol/compute/http/admin';
import type {
  ChallengeStatistics,
  TaskDetails,
  TaskResultBody,
  TaskVerdict,
  TaskView,
} from '../../protocol/compute/http/tasks';
import { success } from '../../protocol/result';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { ModelCatalogue } from '../models/model-catalogue';
import { unknownNode } from '../nodes/node-service';
import type { NodeStore } from '../nodes/node-store';
import type { NodeNotifications } from '../notifications';
import type { RegisteredShard, ShardRegistry } from '../scheduling/shard-registry';
import type { ProofService } from './proof-service';
import type { WorkFinding } from './work-checks';
import {
  CHALLENGE_TYPE,
  FAULT_TYPE,
  PROOF_TYPE,
  WORK_CHECK_TYPE,
  type ChallengeStore,
  type TaskRow,
  type Verdict,
} from './challenge-store';

/** Tokens the baseline asks for; they only enter the estimate. */
const CHALLENGE_TOKENS = 20;
/** A node that asks at the interval may come early by the time messages take. */
const SHORTEST_INTERVAL = 0.9;

const OPENINGS = [
  'The sea is salty because',
  'A library keeps',
  'Before the train leaves, we',
  'Bread rises when',
  'The shortest way over the hill',
  'Ein Schiff fährt über',
  'Kar yağınca',
];

/** Everything but a fault in real work, which nobody asked about. */
function isChallenge(row: TaskRow): boolean {
  return row.task_type !== FAULT_TYPE;
}

function taskView(row: TaskRow): TaskView {
  const isProof = row.task_type === PROOF_TYPE;
  return {
    task_id: row.id,
    task_type: row.task_type,
    payload: {
      prompt: row.prompt,
      max_tokens: isProof ? 0 : CHALLENGE_TOKENS,
      temperature: 0,
      ...(isProof ? { proof: { seed: row.prompt, manifest_hash: row.expected_hash } } : {}),
    },
    model_id: row.model_id,
    layer_start: row.layer_start,
    layer_end: row.layer_end,
    flops_estimated: row.flops_estimated,
    is_challenge: isChallenge(row),
    expires_at: row.expires_at,
  };
}

/** What a comparison or a failed request said, for administrators. */
function findingOf(row: TaskRow): string | null {
  if (row.task_type === FAULT_TYPE) return row.prompt;
  return row.task_type === PROOF_TYPE || row.task_type === WORK_CHECK_TYPE ? row.result_hash : null;
}

function equalHashes(left: string, right: string): boolean {
  const [leftBytes, rightBytes] = [Buffer.from(left), Buffer.from(right)];
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}

function workCheckMessage(passed: boolean): string {
  return passed
    ? 'Work for a request was done again elsewhere, with the same result.'
    : 'Work for a request was done again elsewhere, with another result; the reliability was reduced.';
}

/**
 * Baseline challenges. They prove that a node is there and knows its shard, not that it computes; wrong answers in real
 * work are recorded here too, so that both weigh on the node's reliability.
 */
export class ChallengeService {
  constructor(
    private readonly store: ChallengeStore,
    private readonly nodes: NodeStore,
    private readonly registry: ShardRegistry,
    private readonly catalogue: ModelCatalogue,
    private readonly notifications: NodeNotifications,
    private readonly proofs: ProofService,
    private readonly config: CoordinatorConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Hands a node its challenge. An open one of the same channel is handed out again, and over HTTP, where the node or
   * somebody else asks for it, there is one for each interval: asking often piles up neither challenges nor right answers.
   * Fails with `node-unknown`, `node-inactive`, `shard-missing` or `rate-limited`.
   */
  async dispatch(nodeId: string, channel: TaskRow['channel']): Promise<CoordinatorResult<TaskView>> {
    const node = await this.nodes.find(nodeId);
    if (node === undefined) return unknownNode(nodeId);
    if (node.status !== 'active') return refuse('node-inactive', `The node is ${node.status}, not active.`);
    const shards = this.registry.shardsOfNode(nodeId);
    const shard = shards[(this.random.bytes(1)[0] ?? 0) % Math.max(1, shards.length)];
    if (shard === undefined) {
      return refuse('shard-missing', 'The node has no registered shard, so there is nothing to ask it about.', {
        suggestion: 'Register a shard first.',
      });
    }
    const intervalMs = this.config.challengeEverySeconds * 1_000 * SHORTEST_INTERVAL;
    const sinceMs = channel === 'http' ? this.clock.nowMs() - intervalMs : null;
    const task = await this.store.handOut(this.createTask(shard, channel), sinceMs);
    if (task !== null) return success(taskView(task));
    const every = this.config.challengeEverySeconds;
    return refuse('rate-limited', `The node had its challenge; there is one every ${every} seconds.`, {
      retryable: true,
    });
  }

  /** Pushes a challenge over the node's connection. Does nothing when there is nobody to ask. */
  async push(nodeId: string): Promise<void> {
    if (await this.pushProof(nodeId)) return;
    const task = await this.dispatch(nodeId, 'ws');
    if (task.ok) this.notifications.task(nodeId, task.value);
  }

  /**
   * Real work ended: some of the nodes that did it are asked for a proof at once, half of the time while they are new
   * and rarely once they are reliable (tore-0001, redundancy).
   */
  async afterWork(nodeIds: readonly string[]): Promise<void> {
    const rows = await this.nodes.findAll(nodeIds);
    for (const row of rows.values()) {
      const rate = redundancyRate(await this.store.judgedTasks(row.id), row.reliability);
      const draw = ((this.random.bytes(1)[0] ?? 0) + 0.5) / 256;
      if (draw < rate) await this.pushProof(row.id);
    }
  }

  /** False when nothing can be compared with an answer of this node, or it has an open task already. */
  private async pushProof(nodeId: string): Promise<boolean> {
    const node = await this.nodes.find(nodeId);
    const shards = this.registry
      .shardsOfNode(nodeId)
      .filter((shard) => this.registry.reach(shard)?.kind === 'ws-relay');
    const shard = shards[(this.random.bytes(1)[0] ?? 0) % Math.max(1, shards.length)];
    if (node?.status !== 'active' || shard === undefined) return false;
    if ((await this.store.open(nodeId, 'ws')) !== undefined) return false;
    const tasks = await this.proofs.create(shard);
    for (const task of tasks) this.notifications.task(task.node_id, taskView(task));
    return tasks.length > 0;
  }

  /** Judges an answer. Fails with `task-unknown`, `task-foreign`, `task-answered` or `task-expired`. */
  async answer(body: TaskResultBody): Promise<CoordinatorResult<TaskVerdict>> {
    const task = await this.store.find(body.task_id);
    if (task === undefined) return refuse('task-unknown', 'There is no such task.');
    if (task.node_id !== body.node_id) return refuse('task-foreign', 'The task was given to another node.');
    if (task.status === 'expired') return refuse('task-expired', 'The time to answer the task is over.');
    if (task.status !== 'dispatched') return refuse('task-answered', `The task was answered already: ${task.status}.`);
    if (this.clock.nowMs() >= Date.parse(task.expires_at)) {
      this.conclude(await this.store.decide(task.id, 'expired', null));
      return refuse('task-expired', 'The time to answer the task is over.');
    }
    if (task.task_type === PROOF_TYPE) return this.answerProof(task, body.proof);
    const passed = equalHashes(body.result_hash.toLowerCase(), task.expected_hash);
    const verdict = await this.store.decide(task.id, passed ? 'verified' : 'failed', {
      resultHash: body.result_hash,
      flopsDelivered: body.flops_delivered,
      executionTimeMs: body.execution_time_ms,
    });
    if (verdict === null) return refuse('task-answered', 'The task was answered already.');
    this.conclude(verdict);
    return success({
      status: verdict.suspendedNow ? 'suspended' : verdict.task.status,
      passed,
      reliability: verdict.reliability.factor,
      redundancy_siblings: null,
      consistency_score: verdict.reliability.consistency,
      message: this.messageOf(verdict),
    });
  }

  /** Counts challenges nobody answered in time as failed. */
  async expireOverdue(): Promise<void> {
    await this.store.forgetUnmatched();
    for (const task of await this.store.overdue()) this.conclude(await this.store.decide(task.id, 'expired', null));
  }

  private async answerProof(task: TaskRow, given: unknown): Promise<CoordinatorResult<TaskVerdict>> {
    if (task.proof_json !== null) return refuse('task-answered', 'The task was answered already.');
    const { outcome, more } = await this.proofs.answer(task, given);
    for (const one of more) this.notifications.task(one.node_id, taskView(one));
    if (outcome.kind === 'judged') for (const verdict of outcome.verdicts) this.conclude(verdict);
    if (outcome.kind !== 'judged' || outcome.own === null) {
      const message =
        outcome.kind === 'dropped' ? outcome.reason : 'The answer waits to be compared with that of another node.';
      return success({ status: 'waiting', passed: null, reliability: null, consistency_score: null, message });
    }
    const { own, finding } = outcome;
    return success({
      status: own.suspendedNow ? 'suspended' : own.task.status,
      passed: own.task.status === 'verified',
      reliability: own.reliability.factor,
      redundancy_siblings: outcome.verdicts.length - 1,
      consistency_score: own.reliability.consistency,
      message: `${this.messageOf(own)} ${finding}`,
    });
  }

  /** A wrong answer in real work: the node's consistency suffers as from a failed challenge. */
  async recordFault(fault: {
    nodeId: string;
    modelId: string;
    layerStart: number;
    layerEnd: number;
    what: string;
  }): Promise<void> {
    await this.recordDecided(fault, { task_type: FAULT_TYPE, status: 'failed', prompt: fault.what, result_hash: null });
  }

  /** Real work was done again elsewhere: what that says of a node counts like a proof. */
  async recordWorkCheck(found: WorkFinding): Promise<void> {
    const status = found.passed ? 'verified' : 'failed';
    const told = { task_type: WORK_CHECK_TYPE, status, prompt: '', result_hash: found.finding } as const;
    await this.recordDecided(found, told);
  }

  private async recordDecided(
    where: Pick<WorkFinding, 'nodeId' | 'modelId' | 'layerStart' | 'layerEnd'>,
    told: Pick<TaskRow, 'task_type' | 'prompt' | 'result_hash'> & { readonly status: 'verified' | 'failed' },
  ): Promise<void> {
    const now = timestampOf(this.clock.nowMs());
    const verdict = await this.store.recordDecided({
      id: this.random.uuid(),
      node_id: where.nodeId,
      channel: 'ws',
      model_id: where.modelId,
      layer_start: where.layerStart,
      layer_end: where.layerEnd,
      expected_hash: '',
      flops_estimated: 0,
      ...told,
      flops_delivered: null,
      execution_time_ms: null,
      created_at: now,
      expires_at: now,
      completed_at: now,
      proof_group: null,
      proof_json: null,
    });
    this.conclude(verdict);
  }

  async details(taskId: string): Promise<CoordinatorResult<TaskDetails>> {
    const row = await this.store.find(taskId);
    if (row === undefined) return refuse('task-unknown', 'There is no such task.');
    return success({
      id: row.id,
      task_id: row.id,
      task_type: row.task_type,
      status: row.status,
      assigned_node_id: row.node_id,
      model_id: row.model_id,
      layer_start: row.layer_start,
      layer_end: row.layer_end,
      is_challenge: isChallenge(row),
      flops_estimated: row.flops_estimated,
      flops_delivered: row.flops_delivered,
      execution_time_ms: row.execution_time_ms,
      created_at: row.created_at,
      expires_at: row.expires_at,
      completed_at: row.completed_at,
    });
  }

  async statistics(nodeId: string): Promise<CoordinatorResult<ChallengeStatistics>> {
    const node = await this.nodes.find(nodeId);
    if (node === undefined) return unknownNode(nodeId);
    return success(await this.store.statistics(nodeId, node.reliability));
  }

  /** The newest challenges and findings, of one node or of all, newest first. */
  async recent(limit: number, nodeId?: string): Promise<AdminChallenge[]> {
    const rows = await this.store.newest(limit, nodeId);
    return rows.map((row) => ({
      task_id: row.id,
      node_id: row.node_id,
      task_type: row.task_type,
      model_id: row.model_id,
      layer_start: row.layer_start,
      layer_end: row.layer_end,
      status: row.status,
      finding: findingOf(row),
      created_at: row.created_at,
      completed_at: row.completed_at,
    }));
  }

  private createTask(shard: RegisteredShard, channel: TaskRow['channel']): TaskRow {
    const nowMs = this.clock.nowMs();
    const opening = OPENINGS[(this.random.bytes(1)[0] ?? 0) % OPENINGS.length] ?? '';
    const prompt = `${opening} ${Buffer.from(this.random.bytes(8)).toString('hex')}`;
    const question = {
      prompt,
      layer_start: shard.layerStart,
      layer_end: shard.layerEnd,
      model_id: shard.modelId,
    };
    const shape = this.catalogue.find(shard.modelId)?.manifest.shape;
    const range = { layer_start: shard.layerStart, layer_end: shard.layerEnd };
    return {
      id: this.random.uuid(),
      node_id: shard.nodeId,
      task_type: CHALLENGE_TYPE,
      channel,
      ...question,
      expected_hash: createHash('sha256').update(baselineChallengeText(question), 'utf8').digest('hex'),
      flops_estimated: shape === undefined ? 0 : countRangeRequestFlops(shape, range, prompt.length, CHALLENGE_TOKENS),
      status: 'dispatched',
      result_hash: null,
      flops_delivered: null,
      execution_time_ms: null,
      created_at: timestampOf(nowMs),
      expires_at: timestampOf(nowMs + this.config.taskTimeoutSeconds * 1_000),
      completed_at: null,
      verdict_order: null,
      proof_group: null,
      proof_json: null,
    };
  }

  private messageOf(verdict: Verdict): string {
    if (!verdict.counts) {
      const said = verdict.task.status === 'verified' ? 'The challenge was passed.' : 'The answer was wrong.';
      return `${said} The node is judged by proofs, so its reliability stays as it was.`;
    }
    if (verdict.suspendedNow) return 'The node is suspended: too many of its answers were wrong or missing.';
    if (verdict.task.task_type === WORK_CHECK_TYPE) return workCheckMessage(verdict.task.status === 'verified');
    switch (verdict.task.status) {
      case 'verified':
        return 'The challenge was passed.';
      case 'expired':
        return 'The challenge was not answered in time and counts as failed.';
      default:
        return verdict.task.task_type === FAULT_TYPE
          ? `A request failed at this node: ${verdict.task.prompt}`
          : 'The answer to the challenge was wrong; the reliability was reduced.';
    }
  }

  private conclude(verdict: Verdict | null): void {
    if (verdict?.counts !== true) return;
    this.notifications.standing(verdict.task.node_id, {
      status: verdict.nodeStatus,
      reliability: verdict.reliability.factor,
      message: this.messageOf(verdict),
      taskId: verdict.task.id,
      passed: verdict.task.status === 'verified',
    });
    if (verdict.suspendedNow) this.notifications.coverageMayHaveChanged();
  }
}
