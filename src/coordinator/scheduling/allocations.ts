import { MINIMUM_ALLOCATION_SHARE } from '../../protocol/compute/formulas';

/** Requests of the recent past that count when shares are compared. */
const WINDOW_REQUESTS = 500;

/** Who served the last requests, and who serves now. */
export class Allocations {
  private readonly recent: (readonly string[])[] = [];
  private readonly counts = new Map<string, number>();
  private readonly activeByNode = new Map<string, number>();

  activeRequests(nodeId: string): number {
    return this.activeByNode.get(nodeId) ?? 0;
  }

  /** Notes a request given to these nodes; the returned function says it is over, once. */
  begin(nodeIds: readonly string[]): () => void {
    this.recent.push(nodeIds);
    this.count(nodeIds, this.counts, 1);
    this.count(nodeIds, this.activeByNode, 1);
    if (this.recent.length > WINDOW_REQUESTS) this.count(this.recent.shift() ?? [], this.counts, -1);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.count(nodeIds, this.activeByNode, -1);
    };
  }

  /** Nodes below the minimum share of the mean among those that compete. */
  starved(nodeIds: readonly string[]): ReadonlySet<string> {
    const served = nodeIds.map((nodeId) => this.counts.get(nodeId) ?? 0);
    const mean = served.reduce((sum, count) => sum + count, 0) / Math.max(1, nodeIds.length);
    return new Set(nodeIds.filter((_, index) => (served[index] ?? 0) < MINIMUM_ALLOCATION_SHARE * mean));
  }

  private count(nodeIds: readonly string[], counts: Map<string, number>, step: 1 | -1): void {
    for (const nodeId of nodeIds) {
      const next = (counts.get(nodeId) ?? 0) + step;
      if (next > 0) counts.set(nodeId, next);
      else counts.delete(nodeId);
    }
  }
}
