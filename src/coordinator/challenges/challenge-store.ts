import type { Selectable } from 'kysely';
import { RELIABILITY, shouldSuspend } from '../../protocol/compute/formulas';
import type { ChallengeStatistics } from '../../protocol/compute/http/tasks';
import { timestampOf, type Clock } from '../clock';
import type { Standings } from '../nodes/standings';
import type { Database, DatabaseTransaction, TaskTable } from '../storage/database-schema';
import { assessReliability, type Reliability, type TaskOutcome } from './reliability';

export type TaskRow = Selectable<TaskTable>;

/** A task that has got its verdict, and what it did to its node. */
export interface Verdict {
  readonly task: TaskRow;
  readonly reliability: Reliability;
  readonly nodeStatus: 'active' | 'suspended' | 'deregistered';
  /** This verdict suspended the node. */
  readonly suspendedNow: boolean;
  /** False where the reliability does not depend on it. */
  readonly counts: boolean;
}

export const CHALLENGE_TYPE = 'inference_challenge';
export const PROOF_TYPE = 'proof_of_work';
/** Real work that was done again elsewhere. */
export const WORK_CHECK_TYPE = 'work_check';
export const FAULT_TYPE = 'pipeline_fault';

/** A node that got a proof this recently is judged by proofs; the baseline's challenges it orders itself say nothing then. */
const PROVED_WITHIN_MS = 24 * 3_600_000;

/** Tasks and what follows from their verdicts. */
export class ChallengeStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly standings: Pick<Standings, 'changed'>,
  ) {}

  find(taskId: string): Promise<TaskRow | undefined> {
    return this.database.selectFrom('tasks').selectAll().where('id', '=', taskId).executeTakeFirst();
  }

  /** The node's open challenge on a channel, not yet expired. */
  open(
    nodeId: string,
    channel: TaskRow['channel'],
    source: Database | DatabaseTransaction = this.database,
  ): Promise<TaskRow | undefined> {
    return source
      .selectFrom('tasks')
      .selectAll()
      .where('node_id', '=', nodeId)
      .where('status', '=', 'dispatched')
      .where('channel', '=', channel)
      .where('expires_at', '>', timestampOf(this.clock.nowMs()))
      .executeTakeFirst();
  }

  /** The tasks of one proof, in the order they were made. */
  group(proofGroup: string): Promise<TaskRow[]> {
    return this.database
      .selectFrom('tasks')
      .selectAll()
      .where('proof_group', '=', proofGroup)
      .orderBy('created_at')
      .execute();
  }

  /**
   * Keeps the answer to an open proof. False when it has one, or is decided.
   *
   * @param judgedByMs - until when it is judged, where that begins now: the task is open until then
   */
  async keepProof(taskId: string, proofJson: string, judgedByMs: number | null): Promise<boolean> {
    const kept = await this.database
      .updateTable('tasks')
      .set({ proof_json: proofJson, ...(judgedByMs === null ? {} : { expires_at: timestampOf(judgedByMs) }) })
      .where('id', '=', taskId)
      .where('status', '=', 'dispatched')
      .where('proof_json', 'is', null)
      .executeTakeFirst();
    return kept.numUpdatedRows > 0n;
  }

  /** Stores one more task of a proof; its other open tasks wait as long as this one may take. */
  async join(task: TaskRow): Promise<void> {
    await this.database.transaction().execute(async (transaction) => {
      await transaction.insertInto('tasks').values(task).execute();
      await transaction
        .updateTable('tasks')
        .set({ expires_at: task.expires_at })
        .where('proof_group', '=', task.proof_group)
        .where('status', '=', 'dispatched')
        .execute();
    });
  }

  /** Forgets answered proofs whose counterpart never came: they prove nothing. */
  async forgetUnmatched(): Promise<void> {
    await this.database
      .deleteFrom('tasks')
      .where('status', '=', 'dispatched')
      .where('task_type', '=', PROOF_TYPE)
      .where('proof_json', 'is not', null)
      .where('expires_at', '<=', timestampOf(this.clock.nowMs()))
      .execute();
  }

  /** Forgets an open task that can no longer be judged. */
  async remove(taskId: string): Promise<void> {
    await this.database.deleteFrom('tasks').where('id', '=', taskId).where('status', '=', 'dispatched').execute();
  }

  /** Tasks a node was judged by, over its whole life here. */
  async judgedTasks(nodeId: string): Promise<number> {
    const row = await this.database
      .selectFrom('tasks')
      .select((build) => build.fn.countAll<number>().as('tasks'))
      .where('node_id', '=', nodeId)
      .where('verdict_order', 'is not', null)
      .executeTakeFirst();
    return Number(row?.tasks ?? 0);
  }

  /** The newest tasks, of one node or of all, newest first. */
  newest(limit: number, nodeId?: string): Promise<TaskRow[]> {
    let query = this.database.selectFrom('tasks').selectAll().orderBy('created_at', 'desc').limit(limit);
    if (nodeId !== undefined) query = query.where('node_id', '=', nodeId);
    return query.execute();
  }

  /** Open tasks whose time is over. */
  overdue(): Promise<TaskRow[]> {
    return this.database
      .selectFrom('tasks')
      .selectAll()
      .where('status', '=', 'dispatched')
      .where('expires_at', '<=', timestampOf(this.clock.nowMs()))
      .limit(500)
      .execute();
  }

  async insert(task: TaskRow): Promise<void> {
    await this.database.insertInto('tasks').values(task).execute();
  }

  /**
   * Stores a task to be handed out, unless its node has an open one of that channel.
   *
   * @param sinceMs - the node's last one of that channel must be older; null: it may be of any age
   * @returns the task the node has now; null when its last one is too young
   */
  async handOut(task: TaskRow, sinceMs: number | null): Promise<TaskRow | null> {
    return this.database.transaction().execute(async (transaction) => {
      const open = await this.open(task.node_id, task.channel, transaction);
      if (open !== undefined) return open;
      if (sinceMs !== null) {
        const young = await transaction
          .selectFrom('tasks')
          .select('id')
          .where('node_id', '=', task.node_id)
          .where('channel', '=', task.channel)
          .where('created_at', '>', timestampOf(sinceMs))
          .executeTakeFirst();
        if (young !== undefined) return null;
      }
      await transaction.insertInto('tasks').values(task).execute();
      return task;
    });
  }

  /**
   * Decides an open task and updates its node's reliability and status, all in one transaction.
   * @returns null when the task was decided already
   */
  async decide(
    taskId: string,
    outcome: TaskOutcome,
    answer: { resultHash: string; flopsDelivered: number; executionTimeMs: number } | null,
  ): Promise<Verdict | null> {
    const verdict = await this.database.transaction().execute(async (transaction) => {
      const open = await transaction
        .selectFrom('tasks')
        .selectAll()
        .where('id', '=', taskId)
        .where('status', '=', 'dispatched')
        .executeTakeFirst();
      if (open === undefined) return null;
      const task = await transaction
        .updateTable('tasks')
        .set({
          status: outcome,
          result_hash: answer?.resultHash ?? null,
          flops_delivered: answer?.flopsDelivered ?? null,
          execution_time_ms: answer?.executionTimeMs ?? null,
          completed_at: timestampOf(this.clock.nowMs()),
          verdict_order: (await this.counts(transaction, open)) ? await this.nextOrder(transaction) : null,
        })
        .where('id', '=', taskId)
        .returningAll()
        .executeTakeFirstOrThrow();
      return this.applyVerdict(transaction, task);
    });
    if (verdict !== null) this.standings.changed(verdict.task.node_id);
    return verdict;
  }

  /** Stores a task that is decided from the start, as a fault in real work is. */
  async recordDecided(task: Omit<TaskRow, 'verdict_order'>): Promise<Verdict> {
    const verdict = await this.database.transaction().execute(async (transaction) => {
      const row = { ...task, verdict_order: await this.nextOrder(transaction) };
      await transaction.insertInto('tasks').values(row).execute();
      return this.applyVerdict(transaction, row);
    });
    this.standings.changed(task.node_id);
    return verdict;
  }

  async statistics(nodeId: string, reliability: number): Promise<ChallengeStatistics> {
    const rows = await this.database
      .selectFrom('tasks')
      .select((build) => ['status', build.fn.countAll<number>().as('tasks')])
      .where('node_id', '=', nodeId)
      .where('task_type', 'in', [CHALLENGE_TYPE, PROOF_TYPE, WORK_CHECK_TYPE])
      .groupBy('status')
      .execute();
    const countOf = (...statuses: string[]): number =>
      rows.filter((row) => statuses.includes(row.status)).reduce((sum, row) => sum + row.tasks, 0);
    const total = rows.reduce((sum, row) => sum + row.tasks, 0);
    const passed = countOf('verified');
    return {
      node_id: nodeId,
      reliability,
      challenges_total: total,
      challenges_passed: passed,
      challenges_failed: countOf('failed', 'expired'),
      pass_rate: total === 0 ? null : Number((passed / total).toFixed(4)),
    };
  }

  /** Forgets decided tasks older than the given time, which no window looks at any more. */
  async prune(beforeMs: number): Promise<void> {
    await this.database
      .deleteFrom('tasks')
      .where('status', '!=', 'dispatched')
      .where('completed_at', '<', timestampOf(beforeMs))
      .execute();
  }

  /** Anybody can compute the answer to a baseline challenge: ordered by the node itself, it must not outweigh proofs. */
  private async counts(transaction: DatabaseTransaction, task: TaskRow): Promise<boolean> {
    if (task.task_type !== CHALLENGE_TYPE || task.channel !== 'http') return true;
    const proof = await transaction
      .selectFrom('tasks')
      .select('id')
      .where('node_id', '=', task.node_id)
      .where('task_type', '=', PROOF_TYPE)
      .where('created_at', '>', timestampOf(this.clock.nowMs() - PROVED_WITHIN_MS))
      .executeTakeFirst();
    return proof === undefined;
  }

  private async nextOrder(transaction: DatabaseTransaction): Promise<number> {
    const last = await transaction
      .selectFrom('tasks')
      .select((build) => build.fn.max('verdict_order').as('order'))
      .executeTakeFirst();
    return (last?.order ?? 0) + 1;
  }

  private async applyVerdict(transaction: DatabaseTransaction, task: TaskRow): Promise<Verdict> {
    const node = await transaction
      .selectFrom('nodes')
      .selectAll()
      .where('id', '=', task.node_id)
      .executeTakeFirstOrThrow();
    const decided = await transaction
      .selectFrom('tasks')
      .select(['status', 'verdict_order'])
      .where('node_id', '=', task.node_id)
      .where('verdict_order', 'is not', null)
      .orderBy('verdict_order', 'desc')
      .limit(RELIABILITY.windowTasks)
      .execute();
    const outcomes = decided.flatMap((row) => (row.status === 'dispatched' ? [] : [row.status]));
    const reliability = assessReliability(outcomes);
    const counted = decided.filter((row) => (row.verdict_order ?? 0) > node.forgiven_until).length;
    const suspendedNow = node.status === 'active' && shouldSuspend(reliability.factor, counted);
    const nodeStatus = suspendedNow ? 'suspended' : node.status;
    await transaction
      .updateTable('nodes')
      .set({
        reliability: reliability.factor,
        ...(suspendedNow ? { status: 'suspended' as const, suspension: 'reliability' as const } : {}),
      })
      .where('id', '=', task.node_id)
      .execute();
    return { task, reliability, nodeStatus, suspendedNow, counts: task.verdict_order !== null };
  }
}
