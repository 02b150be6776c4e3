// What tries to leave the network the tests run in: every address something is connected to, and packets on the way out.
import { readFile } from 'node:fs/promises';

const SAMPLE_MS = 100;
/** `127.0.0.0/8`, `::1`, and no address at all, as `/proc/net` writes them. */
const HERE = /^([0-9A-F]{6}7F|0{8}|0{32}|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

async function remoteAddresses(): Promise<string[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  return tables.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[2]?.split(':')[0] ?? ''),
  );
}

/** Packets sent so far over every way out but the loopback. */
async function packetsOut(): Promise<number> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).trim().split('\n').slice(2);
  return lines
    .map((line) => line.trim().split(/[:\s]+/))
    .filter(([name]) => name !== 'lo')
    .reduce((sum, fields) => sum + Number(fields[10]), 0);
}

export interface OutgoingTrace {
  /** Ends the trace: addresses beyond this computer that were seen, and how many packets left. */
  end(): Promise<{ readonly addresses: readonly string[]; readonly packets: number }>;
}

/** Begins to watch; only where the tests have a network of their own does it say something about the app alone. */
export async function traceOutgoing(): Promise<OutgoingTrace> {
  const before = await packetsOut();
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    for (const address of await remoteAddresses()) if (!HERE.test(address)) seen.add(address);
  };
  const looking = setInterval(() => void look(), SAMPLE_MS);
  return {
    end: async () => {
      clearInterval(looking);
      await look();
      return { addresses: [...seen], packets: (await packetsOut()) - before };
    },
  };
}
