/** Requests of the recent past that count when shares are compared. */
const WINDOW_REQUESTS = 500;

/** Who served the last requests, and who serves now. */
export class Allocations {
  private readonly recent: (readonly string[])[] = [];
  private readonly counts = new Map<string, number>();
  private readonly activeByNode = new Map<string, number>();
  private onNode: (nodeId: string) => void = () => undefined;

  /** Told of every node whose figures changed. */
  watchNodes(onNode: (nodeId: string) => void): void {
    this.onNode = onNode;
  }

  activeRequests(nodeId: string): number {
    return this.activeByNode.get(nodeId) ?? 0;
  }

  /** Requests of the recent past that the node had a part in. */
  served(nodeId: string): number {
    return this.counts.get(nodeId) ?? 0;
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

  private count(nodeIds: readonly string[], counts: Map<string, number>, step: 1 | -1): void {
    for (const nodeId of nodeIds) {
      const next = (counts.get(nodeId) ?? 0) + step;
      if (next > 0) counts.set(nodeId, next);
      else counts.delete(nodeId);
      this.onNode(nodeId);
    }
  }
}
