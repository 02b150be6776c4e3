import type { ChallengeRecord } from '../../protocol/compute/node-snapshot';
import type { ReadTask, ReadVerdict } from '../coordinator-client/reading';
import type { Failure } from '../../protocol/result';

/** Challenges kept for display; at one every five minutes this is more than a working day. */
const MAX_RECORDS = 200;

/** The challenges this node saw, newest first. */
export class ChallengeLog {
  private list: readonly ChallengeRecord[] = [];

  get records(): readonly ChallengeRecord[] {
    return this.list;
  }

  /** Puts the challenges of earlier runs below those of this one; one that never got its verdict will not get it now. */
  restore(earlier: readonly ChallengeRecord[]): void {
    const known = new Set(this.list.map((record) => record.taskId));
    const old = earlier
      .filter((record) => !known.has(record.taskId))
      .map((record): ChallengeRecord => {
        if (record.verdict !== 'waiting') return record;
        return { ...record, verdict: 'error', message: 'The program ended before the verdict came.' };
      });
    this.list = [...this.list, ...old].slice(0, MAX_RECORDS);
  }

  /** Notes a challenge; false when it is known already, as after a reconnection. */
  receive(task: ReadTask, receivedAt: string): boolean {
    if (this.list.some((record) => record.taskId === task.taskId)) return false;
    const record: ChallengeRecord = {
      taskId: task.taskId,
      modelId: task.modelId,
      range: task.range,
      receivedAt,
      durationMs: null,
      verdict: 'waiting',
      message: '',
    };
    this.list = [record, ...this.list].slice(0, MAX_RECORDS);
    return true;
  }

  /** Notes the coordinator's verdict, as far as it gave one. */
  judge(taskId: string, verdict: ReadVerdict, durationMs: number | null): ChallengeRecord | null {
    // "suspended" beside a passed challenge is the node's standing, not the challenge's.
    const standing = verdict.status === 'suspended' ? ' The coordinator says this node is suspended.' : '';
    const said = verdict.message ?? '';
    return this.change(taskId, {
      verdict: verdict.passed === null ? 'waiting' : verdict.passed ? 'passed' : 'failed',
      ...(durationMs === null ? {} : { durationMs }),
      message: (said + standing).trim(),
    });
  }

  /** Notes that the answer could not be delivered or was not judged. */
  fail(taskId: string, error: Failure, durationMs: number): ChallengeRecord | null {
    return this.change(taskId, { verdict: 'error', message: error.message, durationMs });
  }

  private change(taskId: string, changes: Partial<ChallengeRecord>): ChallengeRecord | null {
    let changed: ChallengeRecord | null = null;
    this.list = this.list.map((record) => {
      if (record.taskId !== taskId) return record;
      changed = { ...record, ...changes };
      return changed;
    });
    return changed;
  }
}
