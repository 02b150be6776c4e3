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
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: { trace: 'retain-on-failure', screenshot: 'only-on-failure' },
});
