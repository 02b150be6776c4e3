import type { Kysely, Transaction } from 'kysely';
import type { AccessTables } from '../access/access-tables';
import type { TrustTables } from '../discovery/trust-tables';
import type { FederationTables } from '../federation/federation-tables';
import type { NoticeTables } from '../notices/notice-tables';
import type { SchedulingTables } from '../scheduling/move-claims';
import type { GroupSessionTables } from '../sessions/session-tables';

/** Times are RFC 3339 in UTC, amounts micro-GFT, flags 0 or 1. */
export interface CoordinatorTables
  extends AccessTables, TrustTables, GroupSessionTables, FederationTables, NoticeTables, SchedulingTables {
  meta: { key: string; value: string };
  nodes: NodeTable;
  models: {
    model_id: string;
    manifest_hash: string;
    manifest_json: string;
    origin: 'folder' | 'node';
    known_at: string;
  };
  tasks: TaskTable;
  ledger_entries: LedgerEntryTable;
  ledger_head: { id: number; entries: number; head_hash: string; supply_micro_gft: number };
  balances: {
    node_id: string;
    balance_micro_gft: number;
    earned_micro_gft: number;
    spent_micro_gft: number;
    updated_at: string;
  };
  /** Signed checkpoints, as they were signed; neither changed nor removed. */
  ledger_checkpoints: { number: number; entries: number; checkpoint_json: string; issued_at: string };
  /** Which GFT that is about to expire a node was told of, and when; `told_at` is null until a connection took it. */
  expiry_warnings: {
    node_id: string;
    expires_on: string;
    amount_micro_gft: number;
    noticed_at: string;
    told_at: string | null;
  };
  /** GFT set aside for running requests; a hold nobody renews has lapsed. */
  holds: { node_id: string; request_id: string; amount_micro_gft: number; holder: string; renewed_at: string };
  requests: RequestTable;
  grid_states: {
    region: string;
    load_factor: number;
    carbon_intensity: number;
    renewable_fraction: number;
    source: string;
    updated_at: string;
  };
}

export interface NodeTable {
  id: string;
  public_key: string;
  tore4_node_id: string | null;
  hardware_json: string;
  hardware_class: string;
  /** What counts now; a higher one waits in `pending_multiplier` until `quarantine_until`. */
  multiplier: number;
  pending_multiplier: number | null;
  pending_class: string | null;
  quarantine_until: string | null;
  hardware_changes: number;
  status: 'active' | 'suspended' | 'deregistered';
  suspension: 'reliability' | 'review' | null;
  /** Why an administrator suspended it; null for every other suspension. */
  suspension_reason: string | null;
  /** Of the measured machine, as the node says; nodes that share one are one machine under several keys. */
  fingerprint: string | null;
  reliability: number;
  /** Results up to this one no longer count towards a suspension: the node was let back in after them. */
  forgiven_until: number;
  region: string | null;
  availability_start: string | null;
  availability_end: string | null;
  max_gpu_utilization: number;
  protocol_version: string;
  registered_at: string;
  last_seen: string;
}

export interface TaskTable {
  id: string;
  node_id: string;
  /** `inference_challenge`, or `pipeline_fault` for a wrong answer in real work. */
  task_type: string;
  channel: 'http' | 'ws';
  model_id: string;
  layer_start: number;
  layer_end: number;
  prompt: string;
  expected_hash: string;
  flops_estimated: number;
  status: 'dispatched' | 'verified' | 'failed' | 'expired';
  result_hash: string | null;
  flops_delivered: number | null;
  execution_time_ms: number | null;
  created_at: string;
  expires_at: string;
  completed_at: string | null;
  /** Order of the verdicts, 1 upwards; null while open. */
  verdict_order: number | null;
  /** Proofs with one seed, given to nodes that are compared with each other; null for other tasks. */
  proof_group: string | null;
  /** The answer to a proof. */
  proof_json: string | null;
}

export interface LedgerEntryTable {
  /** Position in the chain, from 1, without gaps: the writer counts, because a sequence would skip failed writes. */
  seq: number;
  id: string;
  event_type: string;
  node_id: string;
  amount_micro_gft: number;
  task_id: string | null;
  flops_delivered: number | null;
  hardware_multiplier: number | null;
  reliability_factor: number | null;
  inference_request_id: string | null;
  flops_consumed: number | null;
  reason: string | null;
  previous_hash: string;
  entry_hash: string;
  timestamp: string;
  expires_at: string | null;
}

/** Requests that were answered, wholly or in part; a failed one leaves nothing behind and may be tried again. */
export interface RequestTable {
  node_id: string;
  request_id: string;
  model_id: string;
  status: 'finished' | 'cancelled';
  finish_reason: string;
  input_tokens: number;
  output_tokens: number;
  charged_micro_gft: number;
  ledger_ref: string | null;
  pipeline_json: string;
  session_id: string | null;
  participant_id: string | null;
  started_at: string;
  finished_at: string;
}

export type Database = Kysely<CoordinatorTables>;
export type DatabaseTransaction = Transaction<CoordinatorTables>;
