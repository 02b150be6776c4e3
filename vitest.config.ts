import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { findPostgres } from './src/coordinator/testing/postgres-server.ts';

/** Tests of the coordinator that run on PostgreSQL as well: those whose outcome depends on what the database does. */
const ON_BOTH_ENGINES = [
  'src/coordinator/access/access.test.ts',
  'src/coordinator/ledger/**/*.test.ts',
  'src/coordinator/pipeline/cashier.test.ts',
  'src/coordinator/storage/**/*.test.ts',
  'src/coordinator/api/http-table*.test.ts',
  'src/coordinator/api/hostile-input.test.ts',
  'src/coordinator/coordinator.test.ts',
  'src/coordinator/service/backup.test.ts',
  'src/coordinator/replicas/replicas.test.ts',
  'src/coordinator/discovery/**/*.test.ts',
  'src/coordinator/federation/{cuts,federation,held-turns,session-copies}.test.ts',
  'src/coordinator/handshake/**/*.test.ts',
  'src/coordinator/sessions/session-order.test.ts',
  'src/coordinator/sessions/session-offers.test.ts',
];

/**
 * Rooms whose tests share their processes: they measure no native engine and leave nothing behind, and loading the modules
 * anew for each of their many files would take longer than the tests.
 */
const IN_SHARED_PROCESSES = [
  'cli',
  'contract',
  'coordinator',
  'keys',
  'library',
  'main',
  'node',
  'protocol',
  'records',
  'renderer',
].map((room) => `src/${room}/**/*.test.{ts,tsx}`);

const onPostgres: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'postgres',
    include: ON_BOTH_ENGINES,
    isolate: false,
    globalSetup: ['src/coordinator/testing/postgres-setup.ts'],
    provide: { engine: 'postgres' },
  },
};

const hasPostgres = findPostgres() !== null;
if (!hasPostgres) {
  process.stderr.write('PostgreSQL is not installed here: the coordinator is tested on SQLite only.\n');
}

export default defineConfig({
  test: {
    environment: 'node',
    // Native modules (onnxruntime, SQLite) want processes of their own; two keep small machines usable.
    pool: 'forks',
    maxWorkers: 2,
    // Model tests run real numerics; a hang still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.mjs'],
          exclude: IN_SHARED_PROCESSES,
          provide: { engine: 'sqlite' },
        },
      },
      {
        extends: true,
        test: { name: 'shared', include: IN_SHARED_PROCESSES, isolate: false, provide: { engine: 'sqlite' } },
      },
      ...(hasPostgres ? [onPostgres] : []),
    ],
  },
});
