import type { Database } from '../storage/database-schema';
import { STANDING_COLUMNS, type NodeStanding } from './node-standing';

/** Ids of one query; a database refuses statements with too many parameters. */
const IDS_PER_QUERY = 500;

/**
 * The standing of nodes in memory, so that choosing among thousands asks no database. What keeps it true:
 *
 * - a change this process makes is forgotten here the moment it is written (`changed`), and read again when needed;
 * - a change of another replica arrives as its news and is treated the same (`adoptChange`);
 * - `refreshSome`, called all the time, reads everything again bit by bit. It finds what no news told: a message that was
 *   lost, or an operator's command in a process of its own.
 */
export class Standings {
  private readonly known = new Map<string, NodeStanding>();
  /** Counts changes; a row that was read before a change of its node is not kept. */
  private changes = 0;
  private readonly changedAt = new Map<string, number>();
  private onChange: (nodeId: string) => void = () => undefined;
  private onNode: (nodeId: string) => void = () => undefined;
  /** Nodes that are still to be read in this round of refreshing. */
  private due: string[] = [];

  constructor(private readonly database: Database) {}

  /** Told of every change made here, for those who keep a copy. */
  watchChanges(onChange: (nodeId: string) => void): void {
    this.onChange = onChange;
  }

  /** Told of every node whose standing changed, here or elsewhere, or was read again. */
  watchNodes(onNode: (nodeId: string) => void): void {
    this.onNode = onNode;
  }

  /** This process changed the node in the database. */
  changed(nodeId: string): void {
    this.adoptChange(nodeId);
    this.onChange(nodeId);
  }

  /** Another replica changed it. */
  adoptChange(nodeId: string): void {
    this.changes += 1;
    this.changedAt.set(nodeId, this.changes);
    this.known.delete(nodeId);
    this.onNode(nodeId);
  }

  /** Undefined for a node that is not registered, or was not asked for by `load` yet. */
  find(nodeId: string): NodeStanding | undefined {
    return this.known.get(nodeId);
  }

  /** Makes sure that every node that exists is known; asks the database only for those that are not. */
  async load(nodeIds: Iterable<string>): Promise<void> {
    const missing: string[] = [];
    for (const nodeId of nodeIds) if (!this.known.has(nodeId)) missing.push(nodeId);
    for (let from = 0; from < missing.length; from += IDS_PER_QUERY) {
      await this.read(missing.slice(from, from + IDS_PER_QUERY));
    }
  }

  /**
   * Reads some of the known nodes again, each in its turn.
   *
   * @param isNeeded - whether a node still matters; others are forgotten
   */
  async refreshSome(isNeeded: (nodeId: string) => boolean): Promise<void> {
    if (this.due.length === 0) this.due = [...this.known.keys()];
    const taken = this.due.splice(-IDS_PER_QUERY);
    const needed = taken.filter((nodeId) => isNeeded(nodeId));
    const stillNeeded = new Set(needed);
    for (const nodeId of taken) if (!stillNeeded.has(nodeId)) this.forget(nodeId);
    if (needed.length > 0) await this.read(needed);
    for (const nodeId of taken) this.onNode(nodeId);
  }

  private forget(nodeId: string): void {
    this.known.delete(nodeId);
    this.changedAt.delete(nodeId);
  }

  private async read(nodeIds: readonly string[]): Promise<void> {
    const before = this.changes;
    const rows = await this.database
      .selectFrom('nodes')
      .select([...STANDING_COLUMNS])
      .where('id', 'in', nodeIds)
      .execute();
    for (const row of rows) {
      if ((this.changedAt.get(row.id) ?? 0) <= before) this.known.set(row.id, row);
    }
  }
}
