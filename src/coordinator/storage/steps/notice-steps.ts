import type { SchemaStep } from '../../../storage/schema-steps';

/** Notices of the operator: numbers 50 to 59. */
export const NOTICE_STEPS: readonly SchemaStep[] = [
  {
    number: 50,
    name: 'notices of the operator',
    statements: ({ table }) => [
      table(
        'operator_notices',
        `id text primary key,
        text text not null,
        created_at text not null,
        expires_at text not null`,
      ),
    ],
  },
];
