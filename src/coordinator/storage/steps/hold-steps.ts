import type { SchemaStep } from '../../../storage/schema-steps';

/** What is set aside for running requests. */
export const HOLD_STEPS: readonly SchemaStep[] = [
  {
    number: 2,
    name: 'holds of running requests',
    statements: ({ integer, table }) => [
      table(
        'holds',
        `node_id text not null references nodes (id),
        request_id text not null,
        amount_micro_gft ${integer} not null check (amount_micro_gft >= 0),
        holder text not null,
        renewed_at text not null,
        primary key (node_id, request_id)`,
      ),
    ],
  },
];
