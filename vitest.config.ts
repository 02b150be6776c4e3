import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.mjs'],
    // Native modules (onnxruntime, SQLite) want processes of their own; two keep small machines usable.
    pool: 'forks',
    maxWorkers: 2,
    // Model tests run real numerics; a hang still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
