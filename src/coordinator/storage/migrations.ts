import type { Migration } from '../../storage/migrations';

/**
 * The schema, step by step. A step is never changed once released; a new one is added below. The number of the last
 * step done is the file's `user_version`.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'nodes, models, tasks, ledger, requests, grid',
    sql: `
      create table meta (key text primary key, value text not null) strict;

      create table nodes (
        id text primary key,
        public_key text not null unique,
        tore4_node_id text,
        hardware_json text not null,
        hardware_class text not null,
        multiplier real not null check (multiplier >= 0),
        pending_multiplier real,
        pending_class text,
        quarantine_until text,
        hardware_changes integer not null default 0,
        status text not null check (status in ('active', 'suspended', 'deregistered')),
        suspension text check (suspension in ('reliability', 'review')),
        reliability real not null check (reliability between 0.5 and 1),
        forgiven_until integer not null default 0,
        region text,
        availability_start text,
        availability_end text,
        max_gpu_utilization real not null,
        protocol_version text not null,
        registered_at text not null,
        last_seen text not null
      ) strict;

      create table models (
        model_id text not null,
        manifest_hash text not null,
        manifest_json text not null,
        origin text not null check (origin in ('folder', 'node')),
        known_at text not null,
        primary key (model_id, manifest_hash)
      ) strict;

      create table tasks (
        id text primary key,
        node_id text not null references nodes (id),
        task_type text not null,
        channel text not null check (channel in ('http', 'ws')),
        model_id text not null,
        layer_start integer not null,
        layer_end integer not null,
        prompt text not null,
        expected_hash text not null,
        flops_estimated real not null,
        status text not null check (status in ('dispatched', 'verified', 'failed', 'expired')),
        result_hash text,
        flops_delivered real,
        execution_time_ms real,
        created_at text not null,
        expires_at text not null,
        completed_at text,
        verdict_order integer unique
      ) strict;
      create index tasks_by_node on tasks (node_id, verdict_order);
      create index tasks_open on tasks (expires_at) where status = 'dispatched';

      create table ledger_entries (
        seq integer primary key autoincrement,
        id text not null unique,
        event_type text not null check (event_type in ('issuance', 'redemption', 'purchase', 'expiry', 'penalty')),
        node_id text not null references nodes (id),
        amount_micro_gft integer not null,
        task_id text,
        flops_delivered real,
        hardware_multiplier real,
        reliability_factor real,
        inference_request_id text,
        flops_consumed real,
        reason text,
        previous_hash text not null,
        entry_hash text not null unique,
        timestamp text not null,
        expires_at text
      ) strict;
      create index ledger_entries_by_node on ledger_entries (node_id, seq);
      create trigger ledger_entries_keep before update on ledger_entries
        begin select raise(abort, 'ledger entries are never changed'); end;
      create trigger ledger_entries_stay before delete on ledger_entries
        begin select raise(abort, 'ledger entries are never removed'); end;

      create table ledger_head (
        id integer primary key check (id = 1),
        entries integer not null,
        head_hash text not null,
        supply_micro_gft integer not null
      ) strict;

      create table balances (
        node_id text primary key references nodes (id),
        balance_micro_gft integer not null check (balance_micro_gft >= 0),
        earned_micro_gft integer not null check (earned_micro_gft >= 0),
        spent_micro_gft integer not null check (spent_micro_gft >= 0),
        updated_at text not null
      ) strict;

      create table requests (
        node_id text not null references nodes (id),
        request_id text not null,
        model_id text not null,
        status text not null check (status in ('finished', 'cancelled')),
        finish_reason text not null,
        input_tokens integer not null,
        output_tokens integer not null,
        charged_micro_gft integer not null,
        ledger_ref text,
        pipeline_json text not null,
        session_id text,
        participant_id text,
        started_at text not null,
        finished_at text not null,
        primary key (node_id, request_id)
      ) strict;

      create table grid_states (
        region text primary key,
        load_factor real not null check (load_factor between 0 and 1),
        carbon_intensity real not null check (carbon_intensity between 0 and 1),
        renewable_fraction real not null check (renewable_fraction between 0 and 1),
        source text not null,
        updated_at text not null
      ) strict;
    `,
  },
];
