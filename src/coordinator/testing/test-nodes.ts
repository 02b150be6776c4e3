import type { Database } from '../storage/database-schema';

/** Writes the row of an active node whose key is its id. */
export async function insertTestNode(database: Database, id: string): Promise<void> {
  await database
    .insertInto('nodes')
    .values({
      id,
      public_key: id,
      tore4_node_id: null,
      hardware_json: '{}',
      hardware_class: 'mid_consumer_gpu',
      multiplier: 1,
      pending_multiplier: null,
      pending_class: null,
      quarantine_until: null,
      hardware_changes: 0,
      status: 'active',
      suspension: null,
      suspension_reason: null,
      fingerprint: null,
      reliability: 1,
      forgiven_until: 0,
      region: null,
      availability_start: null,
      availability_end: null,
      max_gpu_utilization: 0.8,
      protocol_version: '0.1',
      registered_at: '2026-01-01T00:00:00Z',
      last_seen: '2026-01-01T00:00:00Z',
    })
    .execute();
}
