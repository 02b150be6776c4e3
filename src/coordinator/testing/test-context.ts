import type { SqlEngine } from '../../storage/sql-words';

declare module 'vitest' {
  /** What vitest.config.ts and the set-up of a test run give to the tests. */
  interface ProvidedContext {
    engine: SqlEngine;
    /** Path of a socket that answers with the address of the test run's PostgreSQL server. */
    postgresBroker: string;
  }
}
