import type { ChallengeRecord } from '../../protocol/compute/node-snapshot';
import { timeText, type Clock } from '../clock';
import type { CoordinatorConnection } from '../coordinator-client/coordinator-client';
import type { ReadTask } from '../coordinator-client/reading';
import type { NodeView } from '../node-view';
import type { ShardKeeper } from '../shard/shard-keeper';
import { answerChallenge } from './challenge-answer';
import { proveWork } from './challenge-proof';
import type { NodeLogger } from '../logger';
import type { ChallengeHistory } from './challenge-history';
import { ChallengeLog } from './challenge-log';

/** Challenges answered at a time; a coordinator gives one every few minutes, and again those of a lost connection. */
export const MAX_ANSWERING = 16;

/** Answers challenges and keeps what became of them. */
export class ChallengeDuty {
  private readonly log = new ChallengeLog();
  /** Challenges whose reply is on its way. */
  private readonly answering = new Set<string>();

  constructor(
    private readonly clock: Clock,
    private readonly view: NodeView,
    private readonly history: ChallengeHistory,
    /** Where the shard is that proofs are run on. */
    private readonly shards: Pick<ShardKeeper, 'engine' | 'served'>,
    private readonly logger: NodeLogger,
    private readonly onChanged: (record: ChallengeRecord) => void,
  ) {}

  /** Shows the challenges of earlier runs. */
  async restore(): Promise<void> {
    const earlier = await this.history.read();
    if (!earlier.ok) {
      this.logger.warn('Earlier challenges are not shown', { reason: earlier.error.message });
      return;
    }
    this.log.restore(earlier.value);
    this.view.set({ challenges: this.log.records });
  }

  /** Resolves when everything that happened is kept. */
  settled(): Promise<void> {
    return this.history.settled();
  }

  /** Answers one challenge and waits for its verdict. One that was seen before is not answered twice. */
  async answer(connection: CoordinatorConnection, task: ReadTask, nodeId: string): Promise<void> {
    if (this.answering.size >= MAX_ANSWERING) {
      this.logger.warn('A challenge was left, since many others are being answered', { taskId: task.taskId });
      return;
    }
    const receivedMs = this.clock.monotonicMs();
    const passedMs = (): number => Math.round(this.clock.monotonicMs() - receivedMs);
    if (!this.log.receive(task, timeText(this.clock.now()))) return;
    this.show(task.taskId);
    this.answering.add(task.taskId);
    const proved = task.proof === null ? null : await proveWork(this.shards.engine, this.shards.served, task);
    if (proved?.ok === false) {
      this.answering.delete(task.taskId);
      this.log.fail(task.taskId, proved.error, passedMs());
      return this.show(task.taskId);
    }
    const baseline = answerChallenge(task, nodeId, 0);
    const body = proved === null ? baseline : { ...baseline, proof: proved.value };
    const verdict = await connection.submitTaskResult({ ...body, execution_time_ms: passedMs() });
    this.answering.delete(task.taskId);
    const durationMs = passedMs();
    if (verdict.ok) {
      this.log.judge(task.taskId, verdict.value, durationMs);
      if (verdict.value.reliability !== null) this.view.set({ reliability: verdict.value.reliability });
    } else {
      this.log.fail(task.taskId, verdict.error, durationMs);
    }
    this.show(task.taskId);
  }

  /** Notes a verdict that came later, by itself. */
  judgeLater(taskId: string, passed: boolean | null, message: string): void {
    const known = this.log.records.find((record) => record.taskId === taskId);
    // The reply to the answer says the same and comes right after it.
    if (known === undefined || passed === null || this.answering.has(taskId)) return;
    this.log.judge(taskId, { passed, status: null, reliability: null, message }, known.durationMs);
    this.show(taskId);
  }

  private show(taskId: string): void {
    this.view.set({ challenges: this.log.records });
    this.history.keep(this.log.records);
    const record = this.log.records.find((one) => one.taskId === taskId);
    if (record !== undefined) this.onChanged(record);
  }
}
