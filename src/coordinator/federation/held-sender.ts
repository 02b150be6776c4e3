import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import { failure, success, type Result } from '../../protocol/result';
import type { PostedTurn } from '../../protocol/session/session-host';
import type { PostedTurnReply } from '../../protocol/wire/session-messages';
import type { Logger } from '../logger';
import type { HeldAuthor, HeldTurns } from './held-turns';

/** What sending needs of the desk. */
export interface HeldRoutes {
  /** Whether the host of a session can be reached. */
  isUp(sessionId: string): boolean;
  /** Sends a turn to its host; the number it got. */
  deliver(author: HeldAuthor, turn: PostedTurn): Promise<Result<{ readonly seq: number }>>;
  /** Tells an author that a turn gets no number. */
  returned(author: HeldAuthor, turnId: string, reason: { readonly code: string; readonly message: string }): void;
}

type Settle = (result: Result<PostedTurnReply>) => void;

const keyOf = ({ sessionId, publicKey }: HeldAuthor): string => `${sessionId} ${publicKey}`;

/**
 * Brings turns to hosts elsewhere: kept first, sent in the order of their author, one at a time, and forgotten when the host
 * has numbered or refused them. A turn that was sent and not answered is sent again; the host takes it once.
 */
export class HeldSender {
  private readonly waiters = new Map<string, Map<string, Settle[]>>();
  private readonly running = new Map<string, { again: boolean }>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly rounds = new Set<Promise<void>>();
  private isStopped = false;

  constructor(
    private readonly held: HeldTurns,
    private readonly routes: HeldRoutes,
    private readonly logger: Logger,
  ) {}

  /** Takes a turn of a connected author. Answers with its number, or that it waits here. */
  async post(author: HeldAuthor, turn: PostedTurn): Promise<Result<PostedTurnReply>> {
    const kept = await this.held.hold(author.sessionId, author.publicKey, turn);
    if (!kept.ok) return kept;
    if (kept.value.returned !== null) {
      await this.held.drop(author, turn.id);
      return failure(kept.value.returned.code, kept.value.returned.message);
    }
    if (!this.routes.isUp(author.sessionId)) return success({ queued: true });
    return new Promise((resolve) => {
      const ofAuthor = this.waiters.get(keyOf(author)) ?? new Map<string, Settle[]>();
      this.waiters.set(keyOf(author), ofAuthor);
      ofAuthor.set(turn.id, [...(ofAuthor.get(turn.id) ?? []), resolve]);
      this.flush(author);
    });
  }

  /** Sends what waits of an author. */
  flush(author: HeldAuthor): void {
    if (this.isStopped) return;
    const key = keyOf(author);
    const before = this.running.get(key);
    if (before !== undefined) {
      before.again = true;
      return;
    }
    const state = { again: false };
    this.running.set(key, state);
    const round = this.sendAll(author, state)
      .catch((thrown: unknown) => {
        this.logger.error({ err: thrown, session: author.sessionId }, 'held turns could not be sent');
        this.later(author);
      })
      .finally(() => {
        this.running.delete(key);
        this.settleAll(author);
        this.rounds.delete(round);
      });
    this.rounds.add(round);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.rounds);
  }

  private async sendAll(author: HeldAuthor, state: { again: boolean }): Promise<void> {
    do {
      state.again = false;
      await this.round(author);
    } while (state.again && this.routes.isUp(author.sessionId) && !this.isStopped);
  }

  private async round(author: HeldAuthor): Promise<void> {
    const { sessionId } = author;
    while (!this.isStopped && this.routes.isUp(sessionId)) {
      const turn = await this.held.next(author);
      if (turn === null) return;
      const result = await this.routes.deliver(author, turn);
      if (result.ok) {
        await this.held.drop(author, turn.id);
        this.settle(author, turn.id, success({ seq: result.value.seq }));
      } else if (result.error.retryable) {
        this.later(author);
        return;
      } else await this.refused(author, turn, result);
    }
  }

  private async refused(author: HeldAuthor, turn: PostedTurn, result: Result<never> & { ok: false }): Promise<void> {
    const { code, message } = result.error;
    await this.held.giveBack(author.sessionId, turn.id, { code, message });
    // Who waits hears it as the answer; others now if they are there, or when they send it again.
    if (this.waiters.get(keyOf(author))?.has(turn.id) === true) {
      await this.held.drop(author, turn.id);
      this.settle(author, turn.id, result);
    } else this.routes.returned(author, turn.id, { code, message });
  }

  private later(author: HeldAuthor): void {
    if (this.isStopped || !this.routes.isUp(author.sessionId)) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.flush(author);
    }, SESSION_LINK_LIMITS.retryMs);
    timer.unref();
    this.timers.add(timer);
  }

  private settle(author: HeldAuthor, turnId: string, result: Result<PostedTurnReply>): void {
    const ofAuthor = this.waiters.get(keyOf(author));
    for (const settle of ofAuthor?.get(turnId) ?? []) settle(result);
    ofAuthor?.delete(turnId);
    if (ofAuthor?.size === 0) this.waiters.delete(keyOf(author));
  }

  /** What is not numbered by now waits here. */
  private settleAll(author: HeldAuthor): void {
    for (const turnId of this.waiters.get(keyOf(author))?.keys() ?? []) {
      this.settle(author, turnId, success({ queued: true }));
    }
  }
}
