import type { SchemaStep } from '../../storage/schema-steps';
import { ACCESS_STEPS } from './steps/access-steps';
import { CORE_STEPS } from './steps/core-steps';
import { FEDERATION_STEPS } from './steps/federation-steps';
import { NOTICE_STEPS } from './steps/notice-steps';
import { LEDGER_STEPS } from './steps/ledger-steps';
import { HOLD_STEPS } from './steps/hold-steps';
import { PROOF_STEPS } from './steps/proof-steps';
import { TRUST_STEPS } from './steps/trust-steps';
import { SCHEDULING_STEPS } from './steps/scheduling-steps';
import { SESSION_STEPS } from './steps/session-steps';

/**
 * The coordinator's schema, one list per area, each in a file of its own under `steps/`. A step is never changed once
 * released; a new one is added with the next free number of its area's range, and runs on SQLite and PostgreSQL.
 *
 * | area | numbers |
 * |---|---|
 * | core: nodes, ledger, requests, holds | 1-9 |
 * | proven work, access, checkpoints | 10-19 |
 * | discovery, handshakes, agreements | 20-29 |
 * | sessions | 30-39 |
 * | federation | 40-49 |
 * | notices of the operator | 50-59 |
 * | scheduling | 60-69 |
 */
export const SCHEMA_STEPS: readonly SchemaStep[] = [
  ...CORE_STEPS,
  ...HOLD_STEPS,
  ...ACCESS_STEPS,
  ...PROOF_STEPS,
  ...LEDGER_STEPS,
  ...TRUST_STEPS,
  ...SESSION_STEPS,
  ...FEDERATION_STEPS,
  ...NOTICE_STEPS,
  ...SCHEDULING_STEPS,
];
