// Type-checks every room under its own tsconfig, so that a room cannot use globals its process does not have,
// and then everything together (with the tests) under the root tsconfig. What was checked before is remembered.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const MEMORY = 'node_modules/.cache/types';

const rooms = readdirSync('src').filter((room) => existsSync(`src/${room}/tsconfig.json`));
const projects = [...rooms.map((room) => [room, `src/${room}/tsconfig.json`]), ['all', 'tsconfig.json']];
let failed = false;
for (const [name, project] of projects) {
  const remember = ['--incremental', '--tsBuildInfoFile', `${MEMORY}/${name}.tsbuildinfo`];
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project, ...remember], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    failed = true;
    console.error(`types: ${project} failed`);
  }
}
process.exit(failed ? 1 : 0);
