import type { SchemaStep } from '../../../storage/schema-steps';

/** What keeps the ledger's own upkeep cheap. */
export const LEDGER_STEPS: readonly SchemaStep[] = [
  {
    number: 13,
    name: 'finding what expires',
    statements: () => [
      `create index ledger_entries_by_expiry on ledger_entries (expires_at) where expires_at is not null`,
    ],
  },
  {
    number: 14,
    name: 'signed checkpoints of the ledger, warnings before GFT expires',
    statements: ({ integer, table, appendOnly }) => [
      table(
        'ledger_checkpoints',
        `number ${integer} primary key,
        entries ${integer} not null,
        checkpoint_json text not null,
        issued_at text not null`,
      ),
      ...appendOnly('ledger_checkpoints', {
        changed: 'checkpoints are never changed',
        removed: 'checkpoints are never removed',
      }),
      table(
        'expiry_warnings',
        `node_id text not null references nodes (id),
        expires_on text not null,
        amount_micro_gft ${integer} not null check (amount_micro_gft > 0),
        noticed_at text not null,
        told_at text,
        primary key (node_id, expires_on)`,
      ),
      `create index expiry_warnings_untold on expiry_warnings (node_id) where told_at is null`,
    ],
  },
  {
    number: 15,
    name: 'finding what a request cost',
    statements: () => [
      `create index ledger_redemptions_by_request on ledger_entries (node_id, inference_request_id)
        where event_type = 'redemption'`,
    ],
  },
];
