import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCoordinator } from '../src/coordinator';
import { LocalEngine } from '../src/inference/engine/local-engine';
import { TORE_TINY } from '../src/inference/testdata/tore-tiny';
import { BareNode } from '../src/node/test-doubles/bare-node';
import { readServerSentEvents } from '../src/node/coordinator-client/server-sent-events';
import { ACTIVATION_DTYPES, codingError } from '../src/protocol/wire/activation-coding';
import { buildEngineProgram, startEngineProcess } from './support/engine-process';
import { LARGE_HIDDEN_SIZE, LAYERS, writeLargeModel, writeSmallModel } from './support/folder-models';
import { median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * Pipelines of real processes: a coordinator and nodes with an engine thread each, connected over WebSockets. The
 * arrangements of a case take turns within a round; ratios are of the same round.
 *
 * `node scripts/bench.mjs pipeline [hops|prefill|drafts|stall|coding|all] [rounds]`
 */
const [caseText = 'all', roundsText = '7', roleText] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);

interface CoordinatorRole {
  readonly role: 'coordinator';
  readonly options: { readonly maxDraftTokens: number; readonly activationDtype: string };
}
interface NodeRole {
  readonly role: 'node';
  readonly url: string;
  readonly modelFolder: string;
  readonly cacheFolder: string;
  readonly first: number;
  readonly last: number;
  readonly isDirect: boolean;
  /** The program of its engine, which has a process of its own then as in the app; by default it shares the node's. */
  readonly engineFile?: string | undefined;
}
type Role = CoordinatorRole | NodeRole;

const children: ChildProcess[] = [];
const closers: (() => void)[] = [];

/** Starts this program in another process; it says one line of JSON when it is ready. */
async function startRole(role: Role): Promise<{ child: ChildProcess; ready: Record<string, unknown> }> {
  const child = fork(fileURLToPath(import.meta.url), ['role', '0', JSON.stringify(role)], { stdio: 'inherit' });
  children.push(child);
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Record<string, unknown>));
    child.once('exit', (code) => reject(new Error(`a ${role.role} ended with ${code ?? 'a signal'}`)));
  });
  return { child, ready };
}

async function play(role: Role): Promise<void> {
  if (role.role === 'coordinator') {
    const coordinator = createCoordinator({
      databaseFile: ':memory:',
      tokenEconomy: false,
      firstChallengeAfterSeconds: 86_400,
      challengeEverySeconds: 86_400,
      rateLimitPerMinute: 1_000_000,
      ...(role.options as object),
    });
    const started = await coordinator.start();
    if (!started.ok) throw new Error(started.error.message);
    process.send?.({ url: started.value.url, port: started.value.port });
    return;
  }
  const node = await BareNode.start({
    url: role.url,
    engine: role.engineFile === undefined ? new LocalEngine() : startEngineProcess(role.engineFile),
    modelFolder: role.modelFolder,
    cacheFolder: role.cacheFolder,
    range: { layer_start: role.first, layer_end: role.last },
    threads: 1,
    precision: 'int8',
    isDirect: role.isDirect,
  });
  process.send?.({ nodeId: node.nodeId });
}

/** A line to the coordinator that takes its time, `delayMs` in each direction. */
async function slowLine(port: number, delayMs: number): Promise<number> {
  const later = (from: Socket, to: Socket): void => {
    from.setNoDelay(true);
    from.on('data', (bytes) => void setTimeout(() => to.writable && to.write(bytes), delayMs));
    from.on('close', () => void setTimeout(() => to.destroy(), delayMs));
    from.on('error', () => undefined);
  };
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    later(near, far);
    later(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Arrangement {
  readonly name: string;
  readonly url: string;
  readonly askerId: string;
  readonly nodes: readonly ChildProcess[];
}

interface Layout {
  readonly name: string;
  readonly modelFolder: string;
  readonly layers: number;
  readonly spans: number;
  readonly holders?: number;
  /** From node to node over the coordinator, one way. */
  readonly latencyMs?: number;
  readonly maxDraftTokens?: number;
  readonly activationDtype?: string;
  readonly isDirect?: boolean;
  readonly engineFile?: string;
}

const cacheFolder = roleText === undefined ? await mkdtemp(join(tmpdir(), 'tore-bench-')) : '';

async function arrange(layout: Layout): Promise<Arrangement> {
  const { modelFolder, layers, spans, latencyMs = 0 } = layout;
  const { ready } = await startRole({
    role: 'coordinator',
    options: { maxDraftTokens: layout.maxDraftTokens ?? 0, activationDtype: layout.activationDtype ?? 'f32' },
  });
  const url = String(ready['url']);
  const nodes: ChildProcess[] = [];
  for (let holder = 0; holder < (layout.holders ?? 1); holder += 1) {
    for (let span = 0; span < spans; span += 1) {
      const port = latencyMs === 0 ? Number(ready['port']) : await slowLine(Number(ready['port']), latencyMs / 2);
      const { child } = await startRole({
        role: 'node',
        url: `http://127.0.0.1:${port}`,
        modelFolder,
        cacheFolder,
        first: (span * layers) / spans,
        last: ((span + 1) * layers) / spans - 1,
        isDirect: layout.isDirect === true,
        engineFile: layout.engineFile,
      });
      nodes.push(child);
    }
  }
  const registered = await fetch(`${url}/nodes/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      public_key: 'bench',
      hardware_profile: {
        cpu_model: 'x',
        cpu_cores: 1,
        ram_gb: 1,
        matmul_score: 0,
        memory_score: 0,
        latency_score: 0,
        fingerprint: 'bench',
      },
    }),
  });
  const { id } = (await registered.json()) as { id: string };
  return { name: layout.name, url, askerId: id, nodes };
}

interface Timing {
  readonly firstTokenMs: number;
  readonly msPerToken: number;
  readonly longestGapMs: number;
  readonly tokens: number;
}

async function ask(
  { url, askerId }: Arrangement,
  body: Record<string, unknown>,
  onToken: (count: number) => void = () => undefined,
): Promise<Timing> {
  const startedMs = performance.now();
  const response = await fetch(`${url}/inference/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ node_id: askerId, request_id: randomUUID(), ...body }),
  });
  if (response.body === null) throw new Error('there is no stream');
  const times: number[] = [];
  for await (const event of readServerSentEvents(response.body)) {
    if (event.name === 'error') throw new Error(event.data);
    if (event.name !== 'token') continue;
    times.push(performance.now());
    onToken(times.length);
  }
  const first = times[0] ?? Number.NaN;
  const last = times.at(-1) ?? Number.NaN;
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  return {
    firstTokenMs: first - startedMs,
    msPerToken: (last - first) / Math.max(1, times.length - 1),
    longestGapMs: Math.max(0, ...gaps),
    tokens: times.length,
  };
}

function row(...cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

/** Asks every arrangement once a round; the first round only warms up. */
async function takeTurns(
  arrangements: readonly Arrangement[],
  body: (round: number) => Record<string, unknown>,
): Promise<Timing[][]> {
  const timings: Timing[][] = arrangements.map(() => []);
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [index, arrangement] of arrangements.entries()) {
      const timing = await ask(arrangement, body(round));
      if (round >= 0) timings[index]?.push(timing);
    }
  }
  return timings;
}

/** Tokens per second by what `read` says a token took, in milliseconds; ratios are of the same round. */
function rowOf(
  name: string,
  of: readonly Timing[],
  to: readonly Timing[],
  read: (timing: Timing) => number,
): ReportRow {
  return {
    name,
    ours: 1_000 / median(of.map(read)),
    baseline: 1_000 / median(to.map(read)),
    ratio: median(of.map((timing, round) => read(to[round] ?? timing) / read(timing))),
  };
}

const GREEDY = { temperature: 0, top_k: 0, top_p: 1 };
const SAMPLED = { temperature: 1.2, top_k: 0, top_p: 1 };

async function endAll(): Promise<void> {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const close of closers.splice(0)) close();
}

async function benchHops(): Promise<void> {
  const modelFolder = await writeLargeModel(cacheFolder);
  const shared = { modelFolder, layers: LAYERS };
  const arrangements = [
    await arrange({ ...shared, name: 'one node', spans: 1 }),
    await arrange({ ...shared, name: 'two nodes, relayed', spans: 2 }),
    await arrange({ ...shared, name: 'two nodes, relayed, int8 activations', spans: 2, activationDtype: 'int8' }),
    await arrange({ ...shared, name: 'two nodes, link of their own', spans: 2, isDirect: true }),
    await arrange({ ...shared, name: 'four nodes, relayed', spans: 4 }),
  ];
  const body = { model_id: 'bench-model', prompt: 'once upon a time', max_new_tokens: 64, sampling: GREEDY };
  const timings = await takeTurns(arrangements, () => body);
  const [whole = []] = timings;
  const hopMs = timings.map((own) =>
    median(own.map((timing, round) => timing.msPerToken - (whole[round]?.msPerToken ?? 0))),
  );
  const more = arrangements.map(({ name }, index) => `${name} ${(hopMs[index] ?? 0).toFixed(2)} ms`).slice(1);
  await writeReport({
    name: 'hops',
    title: 'A hop in the pipeline: decoding at hidden size 1,024',
    unit: 'tokens/s',
    baselineName: 'one node',
    note: `int8 weights, one thread a node, medians of ${ROUNDS} paired rounds. A hop more costs: ${more.join('; ')}.`,
    rows: timings.map((own, index) =>
      rowOf(arrangements[index]?.name ?? '', own, whole, (timing) => timing.msPerToken),
    ),
  });
  await endAll();
}

async function benchPrefill(): Promise<void> {
  const modelFolder = await writeLargeModel(cacheFolder);
  // An engine in the node's own process would keep it from sending one chunk while it computes the next.
  const program = await buildEngineProgram();
  const shared = { modelFolder, layers: LAYERS, engineFile: program.entryFile };
  const arrangements = [
    await arrange({ ...shared, name: 'one node', spans: 1 }),
    await arrange({ ...shared, name: 'two nodes, relayed', spans: 2 }),
    await arrange({ ...shared, name: 'two nodes, relayed, int8 activations', spans: 2, activationDtype: 'int8' }),
    await arrange({ ...shared, name: 'two nodes, link of their own', spans: 2, isDirect: true }),
  ];
  // About 2,000 tokens with this tokenizer, others in each round from the first on: nodes keep what they have computed.
  const words = ' the a of to in and is it on at'.split(/(?= )/);
  const prompt = (round: number): string =>
    Array.from({ length: 2_000 }, (_, index) => words[(index * (round + 2) + Math.floor(index / 10)) % 10]).join('');
  const body = (round: number) => ({
    model_id: 'bench-model',
    prompt: words[(round + 1) % 10] + prompt(round),
    max_new_tokens: 1,
    sampling: GREEDY,
  });
  const timings = await takeTurns(arrangements, body);
  const [whole = []] = timings;
  await writeReport({
    name: 'prefill',
    title: 'A prompt of 2,000 tokens over nodes of one thread each',
    unit: 'tokens/s',
    baselineName: 'one node',
    note: `int8 weights, medians of ${ROUNDS} paired rounds; from the question to the first token.`,
    rows: timings.map((own, index) =>
      rowOf(arrangements[index]?.name ?? '', own, whole, (timing) => timing.firstTokenMs / 2_000),
    ),
  });
  await endAll();
  await program.remove();
}

async function benchDrafts(): Promise<void> {
  const modelFolder = await writeSmallModel(cacheFolder);
  const rows: ReportRow[] = [];
  for (const latencyMs of [0, 20, 80]) {
    const shared = { modelFolder, layers: LAYERS, spans: 2, latencyMs };
    const arrangements = [
      await arrange({ ...shared, name: 'plain' }),
      await arrange({ ...shared, name: 'guessing', maxDraftTokens: 15 }),
    ];
    // Random weights decoded greedily go round in circles, these ones soon; sampled hot from few tokens, pairs come again
    // by chance and go on differently.
    const cases = [
      ['repetitive', { prompt: 'once upon a time', sampling: GREEDY }],
      ['random', { prompt: 'zebra', sampling: { ...SAMPLED, top_k: 4 } }],
    ] as const;
    for (const [name, body] of cases) {
      const timings = await takeTurns(arrangements, (round) => ({
        model_id: 'small-model',
        max_new_tokens: 96,
        prompt: body.prompt,
        sampling: { ...body.sampling, seed: round + 1 },
      }));
      const [plain = [], guessing = []] = timings;
      rows.push(rowOf(`${latencyMs} ms between nodes, ${name}`, guessing, plain, (timing) => timing.msPerToken));
    }
    await endAll();
  }
  await writeReport({
    name: 'guessing',
    title: 'Guessing ahead over two nodes, a model that costs next to nothing',
    unit: 'tokens/s',
    baselineName: 'without guesses',
    note: `Answers of 96 tokens, medians of ${ROUNDS} paired rounds.`,
    rows,
  });
}

async function benchStall(): Promise<void> {
  const stalls: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const arrangement = await arrange({ name: 'two of each', modelFolder: TORE_TINY, layers: 8, spans: 2, holders: 2 });
    // Which of the two holders serves is the scheduler's choice: one of each pair is killed, at another token each.
    for (const kill of [10, 30]) {
      const victim = arrangement.nodes[kill === 10 ? round % 2 : 2 + (round % 2)];
      const timing = await ask(
        arrangement,
        { model_id: 'tore-tiny', prompt: 'tell me a story', max_new_tokens: 60, sampling: { ...SAMPLED, seed: round } },
        (count) => {
          if (count === kill) victim?.kill('SIGKILL');
        },
      );
      stalls.push(timing.longestGapMs);
    }
    await endAll();
  }
  console.log('\n### A node process is killed in mid-answer\n');
  row('kills', 'median stall, ms', 'longest, ms');
  row('---', '---', '---');
  row(String(stalls.length), median(stalls).toFixed(0), Math.max(...stalls).toFixed(0));
}

async function benchCoding(): Promise<void> {
  const modelFolder = await writeLargeModel(cacheFolder);
  const engine = new LocalEngine();
  const range = { layer_start: 0, layer_end: LAYERS / 2 - 1 };
  const loaded = await engine.loadShard({ folder: modelFolder, range, cacheFolder, memoryBudgetBytes: 2 ** 31 });
  if (!loaded.ok) throw new Error(loaded.error.message);
  const { shardKey } = loaded.value;
  await engine.openSequence({ shardKey, sequenceId: 'coding', maxPositions: 128 });
  const inputIds = Array.from({ length: 128 }, (_, index) => (index * 37 + 5) % 500);
  const output = await engine.forward({ shardKey, sequenceId: 'coding', position: 0, input: { inputIds } });
  if (!output.ok || output.value.kind !== 'activation') throw new Error('a first shard gives activations');
  console.log('\n### What the element types lose, on real activations in mid-model\n');
  row('element type', 'relative error (RMS)', 'largest difference');
  row('---', '---', '---');
  for (const dtype of ACTIVATION_DTYPES) {
    const { relative, largest } = codingError(output.value.activation, LARGE_HIDDEN_SIZE, dtype);
    row(dtype, relative.toExponential(1), largest.toExponential(1));
  }
  await engine.close();
}

if (roleText === undefined) {
  const all: Record<string, () => Promise<void>> = {
    hops: benchHops,
    prefill: benchPrefill,
    drafts: benchDrafts,
    stall: benchStall,
    coding: benchCoding,
  };
  const wanted = caseText === 'all' ? Object.values(all) : [all[caseText]];
  try {
    const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
    console.log(`${availableParallelism()} cores (${processor}), medians of ${ROUNDS} rounds`);
    for (const run of wanted) {
      if (run === undefined) throw new Error(`there is no case ${caseText}`);
      await run();
    }
  } finally {
    await endAll();
    await rm(cacheFolder, { recursive: true, force: true });
  }
  process.exit(0);
} else {
  await play(JSON.parse(roleText) as Role);
}
