// Time to pick a pipeline among many shards, inside the coordinator: the choice alone, and the scheduler with its
// registry, standings and grid around it. Usage: node scripts/bench.mjs scheduling [shards] [layers]
import { systemClock } from '../src/coordinator/clock';
import { readConfig } from '../src/coordinator/config';
import { GridStates } from '../src/coordinator/grid/grid-states';
import { ModelCatalogue } from '../src/coordinator/models/model-catalogue';
import { Standings } from '../src/coordinator/nodes/standings';
import { Allocations } from '../src/coordinator/scheduling/allocations';
import { NodePerformance } from '../src/coordinator/scheduling/node-performance';
import { choosePipeline } from '../src/coordinator/scheduling/pipeline-choice';
import { Scheduler } from '../src/coordinator/scheduling/scheduler';
import { ShardRegistry } from '../src/coordinator/scheduling/shard-registry';
import { ShardView } from '../src/coordinator/scheduling/shard-view';
import { openDatabase } from '../src/coordinator/storage/open-database';
import { insertTestNode } from '../src/coordinator/testing/test-nodes';
import { testManifest } from '../src/coordinator/testing/test-model';
import { testCandidate } from '../src/coordinator/testing/test-shards';
import { hashManifest } from '../src/inference/models/model-folder';
import { success } from '../src/protocol/result';

const RUNS = 200;
const REGIONS = ['DE', 'FR', 'US-NY', 'BR', null];

function report(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2);
  console.log(`${what}: median ${at(0.5)} ms, 90 % within ${at(0.9)} ms`);
}

const [count, layers] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 8)];
const manifest = testManifest({}, layers);
const manifestHash = hashManifest(manifest);
const rangeOf = (index: number): [number, number] => {
  const width = 1 + (index % 4);
  const start = index % (layers - width + 1);
  return [start, start + width - 1];
};

const candidates = Array.from({ length: count }, (_, index) =>
  testCandidate(...rangeOf(index), { nodeId: `node-${index}`, layerMs: 1 + (index % 97) / 10 }),
);
const wish = {
  firstLayer: 0,
  lastLayer: layers - 1,
  precision: 'fp32',
  excluded: new Set<string>(),
  starvedBelow: 0,
} as const;
const choosing = Array.from({ length: RUNS }, () => {
  const started = performance.now();
  if (choosePipeline(candidates, wish) === null) throw new Error('no pipeline was found');
  return performance.now() - started;
});
report(`the choice among ${count} candidates of ${layers} layers`, choosing);

const config = readConfig({ databaseFile: ':memory:' });
const opened = await openDatabase(':memory:');
if (!config.ok || !opened.ok) throw new Error('the bench could not begin');
const database = opened.value;
const catalogue = new ModelCatalogue(database, config.value, systemClock);
await catalogue.load(['/models/test'], () => Promise.resolve(success({ manifest, manifestHash })));
const registry = new ShardRegistry(1e9, systemClock);
registry.watchConnections(() => true);
const grid = new GridStates(database, systemClock);
const allocations = new Allocations();
const view = new ShardView({
  catalogue,
  registry,
  standings: new Standings(database),
  performance: new NodePerformance(),
  allocations,
  grid,
  clock: systemClock,
});
for (let index = 0; index < count; index += 1) {
  const [layerStart, layerEnd] = rangeOf(index);
  const nodeId = `node-${index}`;
  await insertTestNode(database, nodeId);
  registry.put({
    shardId: nodeId,
    nodeId,
    modelId: manifest.model_id,
    layerStart,
    layerEnd,
    vramGb: 1,
    region: REGIONS[index % REGIONS.length] ?? null,
    host: null,
    port: null,
    transports: [{ transport: 'ws-relay', version: '1', priority: 1 }],
    manifestHash,
    precision: 'fp32',
    provider: 'cpu',
  });
}
const scheduler = new Scheduler(catalogue, view, allocations);
const planning: number[] = [];
for (let run = 0; run < RUNS; run += 1) {
  const started = performance.now();
  const plan = await scheduler.plan(manifest.model_id);
  planning.push(performance.now() - started);
  if (plan === null) throw new Error('no pipeline was found');
  allocations.begin(plan.hops.map((hop) => hop.nodeId))();
}
report(`the scheduler among ${count} shards`, planning);
await database.destroy();
