import type { Random } from '../clock';
import type { NodeStore } from '../nodes/node-store';
import type { RegisteredShard, ShardRegistry } from '../scheduling/shard-registry';

/** Nodes that can vouch for each other's work. */
export class IndependentHolders {
  constructor(
    private readonly nodes: NodeStore,
    private readonly registry: ShardRegistry,
    private readonly random: Random,
  ) {}

  /** Online nodes with exactly these layers of this manifest, each on a machine none of `asked` runs on. */
  async of(shard: RegisteredShard, asked: ReadonlySet<string>): Promise<RegisteredShard[]> {
    const holders = this.registry
      .shardsOfModel(shard.modelId)
      .filter(
        (other) =>
          !asked.has(other.nodeId) &&
          other.manifestHash === shard.manifestHash &&
          other.layerStart === shard.layerStart &&
          other.layerEnd === shard.layerEnd &&
          this.registry.reach(other)?.kind === 'ws-relay',
      );
    const rows = await this.nodes.findAll([...asked, ...holders.map((holder) => holder.nodeId)]);
    const machines = new Set([...asked].map((nodeId) => rows.get(nodeId)?.fingerprint ?? nodeId));
    const offset = holders.length === 0 ? 0 : (this.random.bytes(1)[0] ?? 0) % holders.length;
    // Beginning somewhere else each time, so that two nodes cannot count on being compared with each other.
    return [...holders.slice(offset), ...holders.slice(0, offset)].filter((holder) => {
      const row = rows.get(holder.nodeId);
      return row !== undefined && row.status === 'active' && !machines.has(row.fingerprint ?? row.id);
    });
  }
}
