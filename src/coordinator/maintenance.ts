import type { Doorkeeper } from './access/doorkeeper';
import type { ChallengeService } from './challenges/challenge-service';
import type { ChallengeStore } from './challenges/challenge-store';
import type { Clock } from './clock';
import type { CoordinatorConfig } from './config';
import type { Hub } from './hub/hub';
import type { LedgerVerifier } from './ledger/ledger-verifier';
import type { Logger } from './logger';
import type { ShardRegistry } from './scheduling/shard-registry';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Decided tasks are kept this long; the reliability window reaches back 100 tasks, hours at the usual interval. */
const TASK_RETENTION_DAYS = 90;

/** What has to happen as time passes: expired tasks, silent connections, due challenges, shards that went offline. */
export class Maintenance {
  private readonly challengeDueMs = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> | null = null;
  private prunedAtMs = 0;
  private forgotAtMs = 0;

  constructor(
    private readonly config: CoordinatorConfig,
    private readonly hub: Hub,
    private readonly doorkeeper: Pick<Doorkeeper, 'review'>,
    private readonly registry: ShardRegistry,
    private readonly challenges: ChallengeService,
    private readonly challengeStore: ChallengeStore,
    private readonly verifier: LedgerVerifier,
    private readonly clock: Clock,
    private readonly logger: Logger,
    /** What looks at every round whether its time has come. */
    private readonly watchers: readonly ((nowMs: number) => Promise<void>)[] = [],
    /** What else goes out of date; each forgets what it no longer needs. */
    private readonly pruners: readonly ((nowMs: number) => Promise<void>)[] = [],
    /** What else is looked at in every round. */
    private readonly sweep: () => Promise<void> | undefined = () => undefined,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.tick(), this.config.maintenanceSeconds * 1_000);
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.round;
  }

  /** A node registered a shard over its connection; its first challenge follows shortly. */
  scheduleFirstChallenge(nodeId: string): void {
    this.challengeDueMs.set(nodeId, this.clock.nowMs() + this.config.firstChallengeAfterSeconds * 1_000);
  }

  /** One round; rounds never overlap. */
  tick(): Promise<void> {
    this.round ??= this.run()
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'a maintenance round failed'))
      .finally(() => {
        this.round = null;
      });
    return this.round;
  }

  private async run(): Promise<void> {
    const nowMs = this.clock.nowMs();
    this.hub.sweep();
    this.registry.forgetSilent();
    await this.doorkeeper.review(nowMs);
    await this.challenges.expireOverdue();
    await this.pushDueChallenges(nowMs);
    await this.verifier.advance();
    await this.sweep();
    if (nowMs - this.prunedAtMs > DAY_MS) {
      this.prunedAtMs = nowMs;
      await this.challengeStore.prune(nowMs - TASK_RETENTION_DAYS * DAY_MS);
    }
    if (nowMs - this.forgotAtMs > HOUR_MS) {
      this.forgotAtMs = nowMs;
      for (const prune of this.pruners) await prune(nowMs);
    }
    // Silence and opening hours take shards offline without any message.
    this.hub.coverageMayHaveChanged();
    for (const watch of this.watchers) await watch(nowMs);
  }

  private async pushDueChallenges(nowMs: number): Promise<void> {
    const connected = new Set(this.hub.connectedNodes());
    for (const [nodeId, dueMs] of this.challengeDueMs) {
      if (!connected.has(nodeId) || this.registry.shardsOfNode(nodeId).length === 0) {
        this.challengeDueMs.delete(nodeId);
      } else if (dueMs <= nowMs) {
        this.challengeDueMs.set(nodeId, nowMs + this.config.challengeEverySeconds * 1_000);
        await this.challenges.push(nodeId);
      }
    }
    for (const nodeId of connected) {
      if (!this.challengeDueMs.has(nodeId) && this.registry.shardsOfNode(nodeId).length > 0) {
        this.challengeDueMs.set(nodeId, nowMs + this.config.challengeEverySeconds * 1_000);
      }
    }
  }
}
