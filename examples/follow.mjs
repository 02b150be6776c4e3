// `node examples/follow.mjs GUIDE`: follows a guide of docs/deployment word for word. Every block marked `sh` is run, in order,
// by one shell in an empty folder, and everything it started is ended. Where the system allows it, all of it happens in a
// network of its own, and what tried to leave that is counted.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from '../scripts/build.mjs';
import { ownNetworkProblem, runInOwnNetwork } from '../scripts/own-network.mjs';
import { runScript, say, ScriptError } from '../scripts/report.mjs';
import { projectDirectory, runProcess } from '../scripts/run-process.mjs';

const PROGRAMS = ['tore', 'tore-coordinator', 'tore-node', 'tore-session'];

/** A guide takes half a minute on a small machine. */
const PATIENCE_SECONDS = 240;

/** The commands of a guide, in order. */
function commandsOf(guide) {
  return [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

/** Shows each block before it runs, as somebody would see it who types it. */
function scriptOf(blocks) {
  const shown = blocks.map(
    (block) => `cat <<'END_OF_BLOCK'\n\n${block.replace(/^/gm, '  ').trimEnd()}\nEND_OF_BLOCK\n${block}`,
  );
  return [
    'set -euo pipefail',
    // Whatever still runs in the background is ended with the script, and waited for.
    `trap 'status=$?; trap - EXIT; kill $(jobs -p) 2>/dev/null || true; wait || true; exit $status' EXIT`,
    `trap 'exit 1' TERM`,
    ...shown,
  ].join('\n');
}

/** A folder with the programs under the names the guides call them by. */
function writePrograms(folder) {
  mkdirSync(folder);
  for (const name of PROGRAMS) {
    const path = join(folder, name);
    const program = join(projectDirectory, 'out', 'main', `${name}.js`);
    writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
    chmodSync(path, 0o755);
  }
}

async function follow(name) {
  const file = join(projectDirectory, 'docs', 'deployment', `${name}.md`);
  if (!/^[a-z-]+$/.test(name ?? '') || !existsSync(file)) {
    throw new ScriptError(`There is no guide ${name} in docs/deployment.`);
  }
  await ensureBuild();
  const trial = mkdtempSync(join(tmpdir(), 'tore-guide-'));
  const work = join(trial, 'work');
  const programs = join(trial, 'bin');
  mkdirSync(work);
  writePrograms(programs);
  const script = scriptOf(commandsOf(readFileSync(file, 'utf8')));
  // What a guide waits for may never come; then it is ended, with everything it started.
  const patience = join(projectDirectory, 'scripts', 'with-patience.mjs');
  const command = [process.execPath, [patience, String(PATIENCE_SECONDS), 'bash', '-c', script]];
  // Some libraries keep quiet where they believe that nobody uses them; here they shall do what they do elsewhere.
  const env = { ...process.env, CI: undefined, PATH: `${programs}:${process.env.PATH}`, TORE: projectDirectory };
  const problem = ownNetworkProblem();
  say('guide', `following ${name} in ${problem === null ? 'a network of its own' : 'the network of this computer'}`);
  const options = { cwd: work, env };
  const { code, left } =
    problem === null
      ? await runInOwnNetwork(command, options)
      : { code: await runProcess(command, options), left: `not counted here, ${problem}` };
  say('guide', `packets that tried to leave this network: ${left}`);
  if (code === 0) rmSync(trial, { recursive: true, force: true });
  else say('guide', `it ended with ${code}; what it left lies in ${work}`);
  return code;
}

await runScript('guide', () => follow(process.argv[2]));
