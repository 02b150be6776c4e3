// `node examples/follow.mjs GUIDE`: follows a guide of docs/deployment word for word. Every block marked `sh` is run, in order,
// by one shell in an empty folder, and everything it started is ended. Where the system allows it, all of it happens in a
// network of its own that has a way out, and what tried to take that way is counted: nothing of it arrives anywhere.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from '../scripts/build.mjs';
import { runScript, say, ScriptError } from '../scripts/report.mjs';
import { projectDirectory } from '../scripts/run-process.mjs';

const PROGRAMS = ['tore', 'tore-coordinator', 'tore-node', 'tore-session'];

/** A guide takes half a minute on a small machine. */
const PATIENCE_MS = 240_000;

/** A network with the loopback and a way out whose other end nobody reads. */
const NETWORK = `
ip link set lo up
ip link add out0 type veth peer name nobody
printf 1 > /proc/sys/net/ipv6/conf/out0/disable_ipv6
printf 1 > /proc/sys/net/ipv6/conf/nobody/disable_ipv6
ip address add 192.0.2.1/24 dev out0
ip link set out0 up
ip link set nobody up
ip route add default via 192.0.2.2 dev out0
ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:01 dev out0
`;
/** Packets sent on that way so far; `/proc/net` is this network's own. */
const LEFT = `awk '$1 == "out0:" {print $11}' /proc/net/dev`;

/**
 * Whether this user may have a network of their own here, in which something that leaves is counted. Root may nearly
 * everywhere, others on many systems.
 */
function hasOwnNetwork() {
  const count = `printf x > /dev/udp/198.51.100.1/9; sleep 0.1; test "$(${LEFT})" -ge 1`;
  const tried = spawnSync('unshare', ['--map-root-user', '--net', 'bash', '-c', `set -e\n${NETWORK}\n${count}`]);
  return tried.status === 0;
}

/** The commands of a guide, in order. */
export function commandsOf(guide) {
  return [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

/** Shows each block before it runs, as somebody would see it who types it. */
function scriptOf(blocks, ownNetwork) {
  const shown = blocks.map(
    (block) => `cat <<'END_OF_BLOCK'\n\n${block.replace(/^/gm, '  ').trimEnd()}\nEND_OF_BLOCK\n${block}`,
  );
  return [
    'set -euo pipefail',
    // Whatever still runs in the background is ended with the script, and waited for.
    `trap 'status=$?; trap - EXIT; kill $(jobs -p) 2>/dev/null || true; wait || true; exit $status' EXIT`,
    ...(ownNetwork ? [NETWORK, `before=$(${LEFT})`] : []),
    ...shown,
    ...(ownNetwork ? [`printf '\\nPackets that tried to leave this network: %d\\n' "$(($(${LEFT}) - before))"`] : []),
  ].join('\n');
}

/** A folder with the programs under the names the guides call them by. */
function writePrograms(folder) {
  mkdirSync(folder);
  for (const name of PROGRAMS) {
    const path = join(folder, name);
    writeFileSync(
      path,
      `#!/bin/sh\nexec "${process.execPath}" "${join(projectDirectory, 'out', 'main', `${name}.js`)}" "$@"\n`,
    );
    chmodSync(path, 0o755);
  }
}

async function follow(name) {
  const file = join(projectDirectory, 'docs', 'deployment', `${name}.md`);
  if (!/^[a-z-]+$/.test(name ?? '') || !existsSync(file))
    throw new ScriptError(`There is no guide ${name} in docs/deployment.`);
  await ensureBuild();
  const trial = mkdtempSync(join(tmpdir(), 'tore-guide-'));
  const work = join(trial, 'work');
  const programs = join(trial, 'bin');
  mkdirSync(work);
  writePrograms(programs);
  const ownNetwork = hasOwnNetwork();
  say(
    'guide',
    ownNetwork ? `following ${name} in a network of its own` : `following ${name} on this computer's own network`,
  );
  const script = scriptOf(commandsOf(readFileSync(file, 'utf8')), ownNetwork);
  const command = ownNetwork
    ? ['unshare', ['--map-root-user', '--net', 'bash', '-c', script]]
    : ['bash', ['-c', script]];
  const child = spawn(...command, {
    cwd: work,
    // Some libraries keep quiet where they believe that nobody uses them; here they shall do what they do elsewhere.
    env: { ...process.env, CI: undefined, PATH: `${programs}:${process.env.PATH}`, TORE: projectDirectory },
    stdio: 'inherit',
  });
  const late = setTimeout(() => {
    say('guide', `not finished after ${PATIENCE_MS / 60_000} minutes; something it waits for never came`);
    child.kill('SIGTERM');
  }, PATIENCE_MS);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill('SIGTERM'));
  const code = await new Promise((fulfil) => child.once('close', (status) => fulfil(status ?? 1)));
  clearTimeout(late);
  if (code === 0) rmSync(trial, { recursive: true, force: true });
  else say('guide', `it ended with ${code}; what it left lies in ${work}`);
  return code;
}

await runScript('guide', () => follow(process.argv[2]));
