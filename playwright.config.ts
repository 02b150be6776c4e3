import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  // The packed app is packed first: npm run test:packaged.
  testIgnore: process.env['TORE_PACKED_APP'] === undefined ? 'packaged.spec.ts' : [],
  outputDir: 'e2e/artifacts/results',
  // As many at once as there are displays, so that no test takes focus or clipboard from another.
  workers: process.env['TORE_DISPLAYS']?.split(',').length ?? 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: Boolean(process.env['CI']),
  // Two whole apps share a slow machine; a hang still ends.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  // A trace costs every test time: ask for one with `--trace retain-on-failure`.
  use: { trace: 'off', screenshot: 'only-on-failure' },
});
