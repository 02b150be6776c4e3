import type { SchemaStep } from '../../../storage/schema-steps';

/** What replicas settle between them about placement: numbers 60 to 69. */
export const SCHEDULING_STEPS: readonly SchemaStep[] = [
  {
    number: 60,
    name: 'one move of a model at a time',
    statements: ({ table }) => [
      table(
        'model_moves',
        `model_id text primary key,
        proposal_id text not null,
        until_at text not null`,
      ),
    ],
  },
];
