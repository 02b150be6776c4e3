import { NOTICE_LIMITS, type OperatorNotice } from '../../protocol/compute/http/notices';
import { success } from '../../protocol/result';
import { timestampOf, type Clock, type Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { NodeNotifications } from '../notifications';
import type { Database } from '../storage/database-schema';

const DAY_MS = 86_400_000;

/** The nodes connected to this process. */
export interface ConnectedNodes extends Pick<NodeNotifications, 'notice'> {
  connectedNodes(): readonly string[];
}

/**
 * What the operator has to say to everybody who runs a node: kept until it goes out of date, told to the connected nodes
 * at once and to the others when they come. Each replica tells the nodes connected to it, within a round of maintenance.
 * A node hears a notice once from each process; the app shows the same words once.
 */
export class NoticeBoard {
  #current: readonly OperatorNotice[] = [];
  /** By the id of a current notice, the nodes that were told. */
  readonly #told = new Map<string, Set<string>>();

  constructor(
    private readonly database: Database,
    private readonly nodes: ConnectedNodes,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** Notices that are not out of date, the newest first. */
  list(): Promise<OperatorNotice[]> {
    return this.database
      .selectFrom('operator_notices')
      .selectAll()
      .where('expires_at', '>', timestampOf(this.clock.nowMs()))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .execute();
  }

  /**
   * Puts a notice up and tells it. Fails with `too-many-notices` when as many are up as nodes are told at once.
   *
   * @param days - until it goes out of date
   */
  async post(text: string, days: number): Promise<CoordinatorResult<OperatorNotice>> {
    if ((await this.list()).length >= NOTICE_LIMITS.maxCurrent) {
      return refuse('too-many-notices', `${NOTICE_LIMITS.maxCurrent} notices are up already.`, {
        suggestion: 'Take one down first.',
      });
    }
    const nowMs = this.clock.nowMs();
    const notice: OperatorNotice = {
      id: this.random.uuid(),
      text: text.trim(),
      created_at: timestampOf(nowMs),
      expires_at: timestampOf(nowMs + days * DAY_MS),
    };
    await this.database.insertInto('operator_notices').values(notice).execute();
    await this.refresh();
    return success(notice);
  }

  /** Takes a notice down; who has read it keeps it. @returns whether there was one */
  async withdraw(id: string): Promise<boolean> {
    const gone = await this.database.deleteFrom('operator_notices').where('id', '=', id).executeTakeFirst();
    await this.refresh();
    return gone.numDeletedRows > 0n;
  }

  /** Reads what is up now, also what another process put up, and tells the connected nodes what is new. */
  async refresh(): Promise<void> {
    this.#current = await this.list();
    const up = new Set(this.#current.map(({ id }) => id));
    for (const id of this.#told.keys()) if (!up.has(id)) this.#told.delete(id);
    const fresh = [...up].filter((id) => !this.#told.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) this.#told.set(id, new Set());
    for (const nodeId of this.nodes.connectedNodes()) this.greet(nodeId);
  }

  /** Tells a connected node what is up and it has not heard, the oldest first. */
  greet(nodeId: string): void {
    for (const { id, text } of this.#current.toReversed()) {
      const told = this.#told.get(id);
      if (told === undefined || told.has(nodeId)) continue;
      told.add(nodeId);
      this.nodes.notice(nodeId, text);
    }
  }

  /** Forgets what is out of date. */
  async prune(nowMs: number): Promise<void> {
    await this.database.deleteFrom('operator_notices').where('expires_at', '<=', timestampOf(nowMs)).execute();
  }
}
