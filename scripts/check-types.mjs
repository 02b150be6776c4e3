// Type-checks every room under its own tsconfig, so that a room cannot use globals its process does not have,
// and then everything together (with the tests) under the root tsconfig.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const projects = readdirSync('src')
  .map((room) => `src/${room}/tsconfig.json`)
  .filter((file) => existsSync(file));
let failed = false;
for (const project of [...projects, 'tsconfig.json']) {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    failed = true;
    console.error(`types: ${project} failed`);
  }
}
process.exit(failed ? 1 : 0);
