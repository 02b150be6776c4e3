// What many connected nodes cost a coordinator: memory per node, processor time at the usual heartbeats, and the time to
// pick a pipeline among all their shards. Linux only, because it reads /proc; needs as many open files as nodes
// (ulimit -n). Usage: node scripts/bench.mjs coordinator-load [nodes] [idle seconds] [database location]
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { createCoordinator } from '../src/coordinator';
import { hashManifest } from '../src/inference/models/model-folder';
import { success } from '../src/protocol/result';
import { testManifest } from '../src/coordinator/testing/test-model';

const HEARTBEAT_SECONDS = 30;
/** Nodes that connect at the same time. */
const CONCURRENCY = 50;
/** Linux reports processor time in ticks of this length on every supported architecture. */
const TICKS_PER_SECOND = 100;
const PICKS = 50;
const LAYERS = 8;

type Json = Record<string, unknown>;

/** The coordinator, in a process of its own: this file again. */
async function serve(location: string): Promise<void> {
  const manifest = testManifest();
  const manifestHash = hashManifest(manifest);
  const isServer = location.startsWith('postgres');
  const coordinator = createCoordinator(
    {
      ...(isServer ? { databaseUrl: location } : { databaseFile: location }),
      modelFolders: ['/models/test'],
      maxConnections: 100_000,
      maxConnectionsPerAddress: 100_000,
      rateLimitPerMinute: 10_000_000,
      challengeEverySeconds: 86_400,
      firstChallengeAfterSeconds: 86_400,
    },
    { loadManifest: () => Promise.resolve(success({ manifest, manifestHash })) },
  );
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  process.stdout.write(`${started.value.url}\n`);
  process.on('SIGTERM', () => void coordinator.stop().then(() => process.exit(0)));
  process.on('SIGUSR2', () => globalThis.gc?.());
}

interface Figures {
  readonly cpuSeconds: number;
  readonly bytes: number;
}

async function figuresOf(pid: number): Promise<Figures> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    bytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
  };
}

/** A node reduced to its connection: proves its key, registers, holds a shard, gives signs of life. */
class LightNode {
  private nextCall = 1;
  private readonly waiting = new Map<string, (message: Json) => void>();

  private constructor(
    private readonly socket: WebSocket,
    private readonly publicKey: string,
  ) {
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString('utf8')) as Json;
      const key = message['type'] === 'reply' ? `reply ${String(message['call_id'])}` : String(message['type']);
      this.waiting.get(key)?.(message);
      this.waiting.delete(key);
    });
  }

  static async connect(url: string, index: number): Promise<LightNode> {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url').toString('base64');
    const node = new LightNode(new WebSocket(`${url.replace('http', 'ws')}/ws`, ['tore.v1']), raw);
    const hello = await node.next('hello');
    const proof = Buffer.from(`tore.v1 connect\n${String(hello['coordinator_id'])}\n${String(hello['nonce'])}`);
    const authenticated = node.next('authenticated');
    node.send({ type: 'authenticate', public_key: raw, signature: sign(null, proof, privateKey).toString('base64') });
    await authenticated;
    const view = (await node.call({ type: 'register-node', registration: node.registration(index) }))['value'] as Json;
    const width = 1 + (index % 4);
    const start = index % (LAYERS - width + 1);
    await node.call({
      type: 'register-shard',
      shard: {
        node_id: view['id'],
        model_id: 'org/test-model',
        layer_start: start,
        layer_end: start + width - 1,
        transports: [{ transport: 'ws-relay', version: '1', priority: 1 }],
      },
    });
    return node;
  }

  beat(): void {
    this.send({ type: 'heartbeat', call_id: this.nextCall++ });
  }

  close(): void {
    this.socket.terminate();
  }

  private registration(index: number): Json {
    const hardware = { gpu_model: 'none', gpu_memory_gb: 0, cpu_model: 'x', cpu_cores: 4, ram_gb: 16 };
    const scores = { matmul_score: 0.5, memory_score: 0.5, latency_score: 0.5, fingerprint: `machine-${index}` };
    return { public_key: this.publicKey, hardware_profile: { ...hardware, ...scores } };
  }

  private next(key: string): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.waiting.set(key, resolve);
      this.socket.once('close', (code, reason) => reject(new Error(`closed: ${code} ${reason.toString()}`)));
      this.socket.once('error', reject);
    });
  }

  private async call(message: Json): Promise<Json> {
    const callId = this.nextCall;
    this.nextCall += 1;
    const reply = this.next(`reply ${callId}`);
    this.send({ ...message, call_id: callId });
    const answer = await reply;
    if (answer['ok'] !== true) throw new Error(JSON.stringify(answer));
    return answer;
  }

  private send(message: Json): void {
    this.socket.send(JSON.stringify(message));
  }
}

async function run(count: number, idleSeconds: number, location: string): Promise<void> {
  const program = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, ['--expose-gc', program, 'serve', location], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = line.toString('utf8').trim();
  const pid = child.pid ?? 0;
  await sleep(1_000);
  const empty = await figuresOf(pid);
  const nodes: LightNode[] = [];
  const connecting = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        nodes.push(await LightNode.connect(url, index));
      }
    }),
  );
  const connected = (performance.now() - connecting) / 1_000;
  console.log(`${count} nodes connected, registered and serving in ${connected.toFixed(0)} s`);
  await sleep(3_000);
  child.kill('SIGUSR2');
  await sleep(2_000);
  const full = await figuresOf(pid);
  const perNode = (full.bytes - empty.bytes) / count / 1024;
  console.log(
    `memory: ${(empty.bytes / 2 ** 20).toFixed(0)} MiB empty, ${(full.bytes / 2 ** 20).toFixed(0)} MiB full, ${perNode.toFixed(1)} KiB per node`,
  );

  // Heartbeats spread over the interval, as those of real nodes are.
  const started = performance.now();
  let beat = 0;
  while (performance.now() - started < idleSeconds * 1_000) {
    const due = Math.floor(((performance.now() - started) / 1_000 / HEARTBEAT_SECONDS) * count);
    for (; beat < due; beat += 1) nodes[beat % count]?.beat();
    await sleep(20);
  }
  const seconds = (performance.now() - started) / 1_000;
  const busy = (await figuresOf(pid)).cpuSeconds - full.cpuSeconds;
  console.log(
    `heartbeats every ${HEARTBEAT_SECONDS} s: ${((busy / seconds) * 100).toFixed(1)} % of one processor (${(beat / seconds).toFixed(0)} per second)`,
  );

  const times: number[] = [];
  for (let pick = 0; pick < PICKS; pick += 1) {
    const asked = performance.now();
    const report = (await (await fetch(`${url}/inference/pipeline/org/test-model`)).json()) as Json;
    times.push(performance.now() - asked);
    if (report['available'] !== true) throw new Error('no pipeline was found');
  }
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  console.log(`a pipeline among ${count} shards over HTTP: median ${at(0.5)} ms, 90 % within ${at(0.9)} ms`);
  for (const node of nodes) node.close();
  child.kill('SIGTERM');
  await once(child, 'exit');
}

if (process.argv[2] === 'serve') await serve(process.argv[3] ?? ':memory:');
else {
  const folder = await mkdtemp(join(tmpdir(), 'tore-bench-load-'));
  try {
    await run(
      Number(process.argv[2] ?? 10_000),
      Number(process.argv[3] ?? 60),
      process.argv[4] ?? join(folder, 'c.db'),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
