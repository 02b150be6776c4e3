/** Another replica, as far as it is known. */
interface Replica {
  lastBeatMs: number;
  revision: number;
  readonly nodes: Set<string>;
}

/** What has to be done after a beat. */
export type Beat = 'known' | 'behind';

/** Which nodes are connected to which other replica. Time comes in from outside. */
export class Presence {
  private readonly replicas = new Map<string, Replica>();
  private readonly replicaByNode = new Map<string, string>();

  /** @param onMoved - told of every node that came to another replica, moved or left it */
  constructor(private readonly onMoved: (nodeId: string) => void) {}

  /** The other replica a node is connected to, or null. */
  replicaOf(nodeId: string): string | null {
    return this.replicaByNode.get(nodeId) ?? null;
  }

  /** The other replicas that are known. */
  others(): string[] {
    return [...this.replicas.keys()];
  }

  /** A sign of life; `behind` when changes of that replica were missed. */
  beat(replicaId: string, revision: number, nowMs: number): Beat {
    const replica = this.replicas.get(replicaId);
    if (replica === undefined) return 'behind';
    replica.lastBeatMs = nowMs;
    return replica.revision === revision ? 'known' : 'behind';
  }

  /** Everything a replica has; returns the nodes it no longer has. */
  replace(replicaId: string, revision: number, nodes: readonly string[], nowMs: number): string[] {
    const before = this.replicas.get(replicaId)?.nodes ?? new Set<string>();
    const now = new Set(nodes);
    this.replicas.set(replicaId, { lastBeatMs: nowMs, revision, nodes: new Set() });
    for (const nodeId of now) this.add(replicaId, nodeId);
    const gone = [...before].filter((nodeId) => !now.has(nodeId));
    for (const nodeId of gone) this.drop(replicaId, nodeId);
    return gone;
  }

  /** A change; `behind` when one before it was missed. */
  change(
    replicaId: string,
    change: { readonly revision: number; readonly added: readonly string[]; readonly removed: readonly string[] },
    nowMs: number,
  ): Beat {
    const replica = this.replicas.get(replicaId);
    if (replica === undefined) return 'behind';
    replica.lastBeatMs = nowMs;
    const isNext = replica.revision + 1 === change.revision;
    replica.revision = change.revision;
    for (const nodeId of change.removed) this.drop(replicaId, nodeId);
    for (const nodeId of change.added) this.add(replicaId, nodeId);
    return isNext ? 'known' : 'behind';
  }

  /** Forgets a replica and returns the nodes that were connected to it. */
  remove(replicaId: string): string[] {
    const nodes = [...(this.replicas.get(replicaId)?.nodes ?? [])];
    for (const nodeId of nodes) this.drop(replicaId, nodeId);
    this.replicas.delete(replicaId);
    return nodes;
  }

  /** Replicas without a sign of life since then. */
  silentSince(timeMs: number): string[] {
    return [...this.replicas].filter(([, replica]) => replica.lastBeatMs < timeMs).map(([replicaId]) => replicaId);
  }

  private add(replicaId: string, nodeId: string): void {
    const before = this.replicaByNode.get(nodeId);
    if (before !== undefined && before !== replicaId) this.replicas.get(before)?.nodes.delete(nodeId);
    this.replicaByNode.set(nodeId, replicaId);
    this.replicas.get(replicaId)?.nodes.add(nodeId);
    if (before !== replicaId) this.onMoved(nodeId);
  }

  private drop(replicaId: string, nodeId: string): void {
    this.replicas.get(replicaId)?.nodes.delete(nodeId);
    if (this.replicaByNode.get(nodeId) === replicaId) this.replicaByNode.delete(nodeId);
    this.onMoved(nodeId);
  }
}
