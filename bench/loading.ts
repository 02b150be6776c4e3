import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalEngine } from '../src/inference/engine/local-engine';
import { writeMeasuredGguf, type MeasuredFormat } from './support/measured-gguf';
import { idsOf, MEASURED_RANGE, median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * Loading a cut shard in a process of its own: how long it takes, and what the process holds more than before, at rest
 * and at most, against the bytes of the shard and one sequence's keys and values.
 *
 * `node scripts/bench.mjs loading [rounds]`
 */
const [roundsText = '3', jobText] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const POSITIONS = 512;
const MEGABYTE = 2 ** 20;
const FORMATS: readonly { readonly format: MeasuredFormat; readonly precision: 'int4' | 'int8' }[] = [
  { format: 'Q4_0', precision: 'int4' },
  { format: 'Q8_0', precision: 'int8' },
];

interface Job {
  readonly path: string;
  readonly cacheFolder: string;
  readonly precision: 'int4' | 'int8';
}

interface Loaded {
  readonly loadMs: number;
  readonly shardBytes: number;
  readonly kvBytes: number;
  /** Beyond what the process held before; with files that are mapped. */
  readonly heldBytes: number;
  readonly peakBytes: number;
}

async function load({ path, cacheFolder, precision }: Job): Promise<Loaded> {
  const engine = new LocalEngine();
  // What comes with onnxruntime itself, whatever is loaded.
  await engine.listProviders();
  const before = process.memoryUsage.rss();
  const request = {
    folder: path,
    range: MEASURED_RANGE,
    cacheFolder,
    memoryBudgetBytes: 2 ** 31,
    precision,
    threads: 1,
  };
  const begin = performance.now();
  const loaded = await engine.loadShard(request);
  if (!loaded.ok) throw new Error(loaded.error.message);
  const loadMs = performance.now() - begin;
  const { shardKey, weightBytes, kvBytesPerPosition } = loaded.value;
  await engine.openSequence({ shardKey, sequenceId: 'loading', maxPositions: POSITIONS });
  const input = { inputIds: idsOf(POSITIONS - 1) };
  const filled = await engine.forward({ shardKey, sequenceId: 'loading', position: 0, input });
  if (!filled.ok) throw new Error(filled.error.message);
  const heldBytes = process.memoryUsage.rss() - before;
  const peakBytes = process.resourceUsage().maxRSS * 1_024 - before;
  await engine.close();
  return { loadMs, shardBytes: weightBytes, kvBytes: POSITIONS * kvBytesPerPosition, heldBytes, peakBytes };
}

/** Does a job in a fresh process, whose peak is of this job alone. */
function loadApart(job: Job): Promise<Loaded> {
  const child = fork(fileURLToPath(import.meta.url), ['0', JSON.stringify(job)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Loaded));
    child.once('exit', (code) => reject(new Error(`loading ended with ${code ?? 'a signal'}`)));
  });
}

async function measure(): Promise<void> {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
  const rows: ReportRow[] = [];
  const times: string[] = [];
  try {
    for (const { format, precision } of FORMATS) {
      const path = join(cacheFolder, `${format}.gguf`);
      await writeMeasuredGguf(path, format);
      const job = { path, cacheFolder, precision };
      // The first one cuts the shard.
      const first = await loadApart(job);
      const rounds: Loaded[] = [];
      for (let round = 0; round < ROUNDS; round++) rounds.push(await loadApart(job));
      const of = (read: (loaded: Loaded) => number): number => median(rounds.map(read));
      const wanted = of(({ shardBytes, kvBytes }) => shardBytes + kvBytes);
      for (const [name, bytes] of [
        ['at rest', of(({ heldBytes }) => heldBytes)],
        ['peak', of(({ peakBytes }) => peakBytes)],
      ] as const) {
        const shown = { ours: bytes / MEGABYTE, baseline: wanted / MEGABYTE };
        rows.push({ name: `${precision}, ${name}`, ...shown, ratio: wanted / bytes });
      }
      times.push(
        `${precision}: ${first.loadMs.toFixed(0)} ms with cutting, ${of(({ loadMs }) => loadMs).toFixed(0)} ms after it.`,
      );
    }
    await writeReport({
      name: 'loading',
      title: 'Memory of a process that loads a shard',
      unit: 'MiB',
      baselineName: `its bytes and keys and values of ${POSITIONS} positions`,
      note: `246 M weights, one thread, medians of ${ROUNDS} processes. Time to load: ${times.join(' ')}`,
      rows,
    });
  } finally {
    await rm(cacheFolder, { recursive: true, force: true });
  }
}

if (jobText === undefined) await measure();
else {
  const loaded = await load(JSON.parse(jobText) as Job);
  process.send?.(loaded);
  process.disconnect?.();
}
