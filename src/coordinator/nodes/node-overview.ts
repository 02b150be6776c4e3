import type { AdminNode, AdminNodes } from '../../protocol/compute/http/admin';
import { toWireGft } from '../../protocol/compute/micro-gft';
import type { Clock } from '../clock';
import type { ConnectionCheck, ShardRegistry } from '../scheduling/shard-registry';
import type { Database } from '../storage/database-schema';
import { effectiveHardware, type NodeRow } from './node-standing';

/** Nodes that share one machine, shown for one of them. */
const MAX_SHOWN_SAME_MACHINE = 20;

/** The state of a node in one sentence, for whoever runs the coordinator. */
export function reasonOfState(row: NodeRow, nowMs: number): string {
  if (row.status === 'deregistered') return 'It left; balance and history are kept.';
  if (row.status === 'suspended') {
    switch (row.suspension) {
      case 'review':
        return row.suspension_reason === null
          ? `Its hardware changed ${row.hardware_changes} times; it waits for review.`
          : `Held by an administrator: ${row.suspension_reason}`;
      default:
        return `Too many wrong or missing answers: its reliability fell to ${row.reliability.toFixed(2)}.`;
    }
  }
  if (row.quarantine_until !== null && Date.parse(row.quarantine_until) > nowMs) {
    return `Active; its higher multiplier counts from ${row.quarantine_until} on.`;
  }
  return 'Active.';
}

/** Nodes as whoever runs the coordinator sees them. */
export class NodeOverview {
  constructor(
    private readonly database: Database,
    private readonly registry: ShardRegistry,
    private readonly isConnected: ConnectionCheck,
    private readonly clock: Clock,
  ) {}

  /** One page, the newest registrations first. */
  async page(query: {
    readonly status?: NodeRow['status'] | undefined;
    readonly limit: number;
    readonly offset: number;
  }): Promise<AdminNodes> {
    let rows = this.database.selectFrom('nodes').selectAll();
    let count = this.database.selectFrom('nodes').select((build) => build.fn.countAll<number>().as('nodes'));
    if (query.status !== undefined) {
      rows = rows.where('status', '=', query.status);
      count = count.where('status', '=', query.status);
    }
    const page = await rows
      .orderBy('registered_at', 'desc')
      .orderBy('id')
      .limit(query.limit)
      .offset(query.offset)
      .execute();
    const total = await count.executeTakeFirst();
    const balances = await this.balances(page.map((row) => row.id));
    const neighbours = await this.sameMachines(page);
    return {
      nodes: page.map((row) => this.view(row, balances.get(row.id) ?? 0, neighbours.get(row.id) ?? [])),
      total: Number(total?.nodes ?? 0),
    };
  }

  private view(row: NodeRow, balanceMicroGft: number, sameMachineAs: readonly string[]): AdminNode {
    const nowMs = this.clock.nowMs();
    const { multiplier, hardwareClass } = effectiveHardware(row, nowMs);
    return {
      id: row.id,
      public_key: row.public_key,
      status: row.status,
      reason: reasonOfState(row, nowMs),
      connected: this.isConnected(row.id),
      hardware_class: hardwareClass,
      multiplier,
      reliability: row.reliability,
      region: row.region,
      quarantine_until: row.quarantine_until,
      hardware_changes: row.hardware_changes,
      balance: toWireGft(balanceMicroGft),
      same_machine_as: [...sameMachineAs],
      shards: this.registry.shardsOfNode(row.id).map((shard) => ({
        model_id: shard.modelId,
        layer_start: shard.layerStart,
        layer_end: shard.layerEnd,
        online: this.registry.reach(shard) !== null,
      })),
      registered_at: row.registered_at,
      last_seen: row.last_seen,
    };
  }

  private async balances(nodeIds: readonly string[]): Promise<Map<string, number>> {
    if (nodeIds.length === 0) return new Map();
    const rows = await this.database
      .selectFrom('balances')
      .select(['node_id', 'balance_micro_gft'])
      .where('node_id', 'in', nodeIds)
      .execute();
    return new Map(rows.map((row) => [row.node_id, row.balance_micro_gft]));
  }

  /** For each node the others with its hardware fingerprint: one machine that registered under several keys. */
  private async sameMachines(page: readonly NodeRow[]): Promise<Map<string, string[]>> {
    const fingerprints = [...new Set(page.flatMap((row) => row.fingerprint ?? []))];
    if (fingerprints.length === 0) return new Map();
    const others = await this.database
      .selectFrom('nodes')
      .select(['id', 'fingerprint'])
      .where('fingerprint', 'in', fingerprints)
      .where('status', '!=', 'deregistered')
      .limit(fingerprints.length * MAX_SHOWN_SAME_MACHINE)
      .execute();
    return new Map(
      page.map((row) => [
        row.id,
        others
          .filter((other) => other.id !== row.id && other.fingerprint === row.fingerprint)
          .map((other) => other.id)
          .slice(0, MAX_SHOWN_SAME_MACHINE),
      ]),
    );
  }
}
