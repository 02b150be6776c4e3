import { Value } from 'typebox/value';
import {
  HardwareProfile,
  type NodeDetails,
  type NodeRegistration,
  type NodeView,
} from '../../protocol/compute/http/nodes';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { timestampOf, type Clock } from '../clock';
import type { LedgerStore } from '../ledger/ledger-store';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { effectiveHardware, type NodeRow } from './node-standing';
import type { Standings } from './standings';

/** Canonical text of a public key: base64 of raw bytes is normalized, anything else is kept as it came. */
export function normalizePublicKey(publicKey: string): string {
  const trimmed = publicKey.trim();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)) return trimmed;
  const bytes = Buffer.from(trimmed, 'base64');
  return bytes.length === 32 ? bytes.toString('base64') : trimmed;
}

/** Registration fields with their defaults, as columns. */
export function registrationColumns(
  registration: NodeRegistration,
): Pick<
  NodeRow,
  | 'tore4_node_id'
  | 'hardware_json'
  | 'fingerprint'
  | 'availability_start'
  | 'availability_end'
  | 'max_gpu_utilization'
  | 'protocol_version'
> {
  return {
    tore4_node_id: registration.tore4_node_id ?? null,
    // Without fields nobody reads: they may be as large as a whole message.
    hardware_json: JSON.stringify(Value.Clean(HardwareProfile, { ...registration.hardware_profile })),
    fingerprint: registration.hardware_profile.fingerprint,
    availability_start: registration.availability_start ?? null,
    availability_end: registration.availability_end ?? null,
    max_gpu_utilization: registration.max_gpu_utilization ?? 0.8,
    protocol_version: registration.protocol_version ?? '0.1',
  };
}

/** Reads and changes node rows. */
export class NodeStore {
  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerStore,
    private readonly clock: Clock,
    private readonly standings: Pick<Standings, 'changed'>,
  ) {}

  /** Something about a node was written that decides whether it gets work, or what it is worth. */
  changed(nodeId: string): void {
    this.standings.changed(nodeId);
  }

  find(nodeId: string, source: Database | DatabaseTransaction = this.database): Promise<NodeRow | undefined> {
    return source.selectFrom('nodes').selectAll().where('id', '=', nodeId).executeTakeFirst();
  }

  findByKey(publicKey: string): Promise<NodeRow | undefined> {
    return this.database
      .selectFrom('nodes')
      .selectAll()
      .where('public_key', '=', normalizePublicKey(publicKey))
      .executeTakeFirst();
  }

  async findAll(nodeIds: readonly string[]): Promise<Map<string, NodeRow>> {
    if (nodeIds.length === 0) return new Map();
    const rows = await this.database.selectFrom('nodes').selectAll().where('id', 'in', nodeIds).execute();
    return new Map(rows.map((row) => [row.id, row]));
  }

  active(): Promise<NodeRow[]> {
    return this.database.selectFrom('nodes').selectAll().where('status', '=', 'active').execute();
  }

  async touch(nodeId: string): Promise<string> {
    const seen = timestampOf(this.clock.nowMs());
    await this.database.updateTable('nodes').set({ last_seen: seen }).where('id', '=', nodeId).execute();
    return seen;
  }

  async setRegion(nodeId: string, region: string): Promise<void> {
    await this.database.updateTable('nodes').set({ region }).where('id', '=', nodeId).execute();
    this.changed(nodeId);
  }

  async view(row: NodeRow): Promise<NodeView> {
    const { multiplier, hardwareClass } = effectiveHardware(row, this.clock.nowMs());
    return {
      id: row.id,
      hardware_class: hardwareClass,
      multiplier,
      status: row.status,
      reliability_factor: row.reliability,
      token_balance: toWireGft(await this.ledger.balanceOf(row.id)),
      registered_at: row.registered_at,
    };
  }

  async details(row: NodeRow): Promise<NodeDetails> {
    return {
      ...(await this.view(row)),
      public_key: row.public_key,
      region: row.region,
      last_seen: row.last_seen,
      availability_start: row.availability_start,
      availability_end: row.availability_end,
      max_gpu_utilization: row.max_gpu_utilization,
      protocol_version: row.protocol_version,
      tore4_node_id: row.tore4_node_id,
      hardware_changes: row.hardware_changes,
      quarantine_until: row.quarantine_until,
    };
  }
}
