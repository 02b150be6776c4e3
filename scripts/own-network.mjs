// A network of its own for a program: the loopback, and a way out whose other end nobody reads. What tries to take that way
// is counted, and arrives nowhere. Linux only; root may have one nearly everywhere, others on many systems.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from './run-process.mjs';

const SET_UP = `
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
/** Packets sent on the way out so far; `/proc/net` is this network's own. */
const COUNT = `awk '$1 == "out0:" {print $11}' /proc/net/dev`;

const isRoot = () => process.getuid?.() === 0;
const unshare = (script, args = []) => [
  'unshare',
  [...(isRoot() ? [] : ['--map-root-user']), '--net', 'bash', '-c', `set -e\n${SET_UP}\n${script}`, 'bash', ...args],
];

/** Why this user cannot have a network of their own here, as the end of a sentence; null where they can. */
export function ownNetworkProblem() {
  if (process.platform !== 'linux') {
    return 'only Linux can';
  }
  if (spawnSync('ip', ['-V']).error) {
    return 'the program ip is missing (Debian: iproute2)';
  }
  const [command, args] = unshare(`printf x > /dev/udp/198.51.100.1/9\nsleep 0.1\ntest "$(${COUNT})" -ge 1`);
  return spawnSync(command, args).status === 0 ? null : 'this user may make no network here';
}

/**
 * Runs a program in a network of its own, otherwise as `runProcess`.
 * @returns its exit code, and how many packets tried to leave
 */
export async function runInOwnNetwork([command, args], options) {
  const folder = mkdtempSync(join(tmpdir(), 'tore-network-'));
  const file = join(folder, 'left');
  try {
    const script = `before=$(${COUNT})
code=0
"$@" || code=$?
echo $(($(${COUNT}) - before)) > '${file}'
exit $code`;
    const code = await runProcess(unshare(script, [command, ...args]), options);
    return { code, left: Number(readFileSync(file, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
