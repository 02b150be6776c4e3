// Whether months in a tray leave traces: memory, open files and timers of a coordinator, two nodes and their engine
// processes under questions, pauses and changes of layers. The first part runs on an accelerated clock, so that heartbeats,
// challenges and expiries come as often as in hours; the second part runs in real time. Linux only, because it reads /proc.
// Usage: node scripts/bench.mjs soak [simulated hours] [times as fast] [real minutes]; `npm run build` first.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import systeminformation from 'systeminformation';
import { createCoordinator } from '../src/coordinator';
import {
  ContributorNode,
  DEFAULT_ACTIVATION_SERVER,
  DEFAULT_RUN_PREFERENCES,
  fileSecretStore,
  forkEngine,
  type NodeReadings,
} from '../src/node';
import { writeSeries, type Series } from './support/series';

const simulatedHours = Number(process.argv[2] ?? 6);
const accelerated = Number(process.argv[3] ?? 20);
const realMinutes = Number(process.argv[4] ?? 30);
const MODEL_FOLDER = resolve('resources/models/tore-tiny');
const ENGINE = resolve('out/main/engine-process.js');
const SAMPLE_MS = 5_000;
/** What the first minutes leave behind belongs to the start: caches, compiled code, connection pools. */
const WARM_UP_SHARE = 0.2;

// --- The clock ------------------------------------------------------------------------------------------------------

const real = {
  now: Date.now.bind(Date),
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
};
let speed = 1;
let anchor = { real: real.now(), simulated: real.now() };

const simulatedNow = (): number => anchor.simulated + (real.now() - anchor.real) * speed;

/** From now on time passes this many times as fast for everything in this process; running timers keep their pace. */
function setSpeed(times: number): void {
  anchor = { real: real.now(), simulated: simulatedNow() };
  speed = times;
}

Date.now = () => Math.floor(simulatedNow());
globalThis.setTimeout = Object.assign(
  (action: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]) =>
    real.setTimeout(action, delayMs / speed, ...values),
  real.setTimeout,
) as typeof setTimeout;
globalThis.setInterval = ((action: (...values: unknown[]) => void, delayMs = 0, ...values: unknown[]) =>
  real.setInterval(action, Math.max(1, delayMs / speed), ...values)) as typeof setInterval;

const sleep = (realMs: number): Promise<void> => new Promise((done) => void real.setTimeout(done, realMs));

// --- What is measured -----------------------------------------------------------------------------------------------

// What is garbage says nothing about leaks.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024;
}

async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
}

// --- The cooperative ------------------------------------------------------------------------------------------------

const folder = await mkdtemp(join(tmpdir(), 'tore-soak-'));
const engines = new Set<number>();
let engineStarts = 0;

const coordinator = createCoordinator({
  databaseFile: join(folder, 'coordinator.db'),
  modelFolders: [MODEL_FOLDER],
  openingGrantMicroGft: 1_000_000_000_000,
  rateLimitPerMinute: 10_000_000,
});
const started = await coordinator.start();
if (!started.ok) throw new Error(started.error.message);
const { url } = started.value;

function createNode(name: string, start: number, end: number): ContributorNode {
  const node = new ContributorNode({
    dataFolder: join(folder, name),
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, name, 'node.key')),
    startEngine: forkEngine(ENGINE, (path, args, options) => {
      const child = fork(path, args, options);
      engineStarts += 1;
      const { pid } = child;
      if (pid !== undefined) {
        engines.add(pid);
        child.once('exit', () => engines.delete(pid));
      }
      return child;
    }),
    hardwareReader: systeminformation,
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      cpuThreads: 1,
      coordinatorUrl: url,
      accessToken: null,
      modelFolder: MODEL_FOLDER,
      modelId: null,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      layerChoice: { kind: 'range', start, end },
    },
    readings: { consent: true },
  });
  node.start();
  return node;
}

const nodes = [createNode('first', 0, 3), createNode('second', 4, 7)];
const [asker] = nodes;
if (asker === undefined) throw new Error('there are two nodes');

async function untilServing(): Promise<void> {
  const deadline = real.now() + 120_000;
  while (nodes.some((node) => node.snapshot().state.kind !== 'serving')) {
    if (real.now() > deadline) throw new Error(nodes.map((node) => JSON.stringify(node.snapshot().state)).join('\n'));
    await sleep(50);
  }
}

// --- The load -------------------------------------------------------------------------------------------------------

const counts = { answered: 0, failed: 0, cancelled: 0, pauses: 0, changes: 0, restarts: 0 };
const QUESTIONS = ['What is GFT?', 'What is a shard?', 'how do I earn tokens', 'tell me a story about Ada'];
/** A seeded sequence, so that two runs do the same. */
let seed = 20_261_126;
function chance(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

async function askSomething(): Promise<void> {
  const stop = new AbortController();
  const isCancelled = chance() < 0.1;
  if (isCancelled) real.setTimeout(() => stop.abort(), 20);
  const content = QUESTIONS[Math.floor(chance() * QUESTIONS.length)] ?? '';
  const result = await asker?.generate(
    {
      requestId: randomUUID(),
      modelId: 'tore-tiny',
      messages: [{ role: 'user', content }],
      maxNewTokens: 60,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    },
    { signal: stop.signal },
  );
  if (result?.ok === true) counts.answered += 1;
  else if (isCancelled) counts.cancelled += 1;
  else counts.failed += 1;
}

/** Two questions at once, now and then one that is given up. */
async function keepAsking(until: number): Promise<void> {
  while (real.now() < until) {
    await askSomething();
    await sleep(50 + chance() * 400);
  }
}

const PAUSES: readonly (readonly [Partial<NodeReadings>, Partial<NodeReadings>])[] = [
  [
    { onBattery: true, batteryPercent: 50 },
    { onBattery: false, batteryPercent: 100 },
  ],
  [{ fullScreen: true }, { fullScreen: false }],
  [{ pausedByUser: true }, { pausedByUser: false }],
];

async function disturb(until: number): Promise<void> {
  while (real.now() < until) {
    await sleep(4_000 + chance() * 4_000);
    const node = nodes[chance() < 0.5 ? 0 : 1];
    if (node === undefined) continue;
    const kind = chance();
    if (kind < 0.6) {
      const [begin, end] = PAUSES[Math.floor(chance() * PAUSES.length)] ?? [{}, {}];
      counts.pauses += 1;
      node.updateReadings(begin);
      await sleep(500 + chance() * 1_500);
      node.updateReadings(end);
    } else if (kind < 0.9) {
      // The two swap their halves, each in a fresh engine process.
      counts.changes += 1;
      const isSwapped = counts.changes % 2 === 1;
      nodes[0]?.updatePreferences({ layerChoice: { kind: 'range', start: isSwapped ? 4 : 0, end: isSwapped ? 7 : 3 } });
      nodes[1]?.updatePreferences({ layerChoice: { kind: 'range', start: isSwapped ? 0 : 4, end: isSwapped ? 3 : 7 } });
    } else {
      counts.restarts += 1;
      node.pause();
      await sleep(200);
      node.resume();
    }
    await untilServing();
  }
}

const samples: Series[] = [];

async function watch(until: number, part: string): Promise<void> {
  while (real.now() < until) {
    await sleep(SAMPLE_MS);
    collectGarbage();
    const pids = [...engines];
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    samples.push({
      part,
      hours: (simulatedNow() - begunAt) / 3_600_000,
      values: {
        'heap of coordinator and nodes, MB': process.memoryUsage().heapUsed / 2 ** 20,
        'memory of coordinator and nodes, MB': await residentMegabytes(process.pid),
        'memory of the engines, MB': sum(await Promise.all(pids.map(residentMegabytes))),
        'open files': sum(await Promise.all([process.pid, ...pids].map(openFiles))),
        'active timers and sockets': process.getActiveResourcesInfo().length,
        'engine processes': pids.length,
      },
    });
  }
}

await untilServing();
const begunAt = simulatedNow();

async function runPart(part: string, realMs: number, times: number): Promise<void> {
  setSpeed(times);
  const until = real.now() + realMs;
  await Promise.all([keepAsking(until), keepAsking(until), disturb(until), watch(until, part)]);
}

try {
  await runPart(`${simulatedHours} h at ${accelerated} times`, (simulatedHours * 3_600_000) / accelerated, accelerated);
  if (realMinutes > 0) await runPart(`${realMinutes} min in real time`, realMinutes * 60_000, 1);
  setSpeed(1);
  await untilServing();
  const engineProcesses = engines.size;
  const note =
    `${counts.answered} answers, ${counts.cancelled} given up, ${counts.failed} failed while layers were away; ` +
    `${counts.pauses} pauses, ${counts.changes} changes of layers, ${counts.restarts} stops; ` +
    `${engineStarts} engine processes started, ${engineProcesses} at the end.`;
  await writeSeries({ name: 'soak', title: 'Soak', note, warmUpShare: WARM_UP_SHARE, samples });
  const verified = (await (await fetch(`${url}/tokens/ledger/verify`)).json()) as { chain_valid?: boolean };
  if (verified.chain_valid !== true) throw new Error('the ledger does not verify after the soak');
} finally {
  for (const node of nodes) await node.stop();
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
}
