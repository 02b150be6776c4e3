import type { SchemaStep } from '../../../storage/schema-steps';

/** What proofs of work done keep beside other tasks. */
export const PROOF_STEPS: readonly SchemaStep[] = [
  {
    number: 12,
    name: 'proofs of work done',
    statements: () => [
      `alter table tasks add column proof_group text`,
      `alter table tasks add column proof_json text`,
      `create index tasks_by_proof on tasks (proof_group) where proof_group is not null`,
    ],
  },
];
