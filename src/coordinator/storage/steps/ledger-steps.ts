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
];
