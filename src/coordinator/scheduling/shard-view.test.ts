import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config';
import { GridStates } from '../grid/grid-states';
import { ModelCatalogue } from '../models/model-catalogue';
import { isAvailableAt } from '../nodes/node-standing';
import { Standings } from '../nodes/standings';
import { openTestDatabase } from '../testing/test-database';
import { insertTestNode } from '../testing/test-nodes';
import { testManifest } from '../testing/test-model';
import { success } from '../../protocol/result';
import { hashManifest } from '../../inference/models/model-folder';
import { Allocations } from './allocations';
import { NodePerformance } from './node-performance';
import { ShardRegistry, type RegisteredShard } from './shard-registry';
import { ShardView } from './shard-view';

const OFFLINE_AFTER_MS = 120_000;
const NODES = ['a', 'b', 'c'];
const manifest = testManifest();
const MODEL = manifest.model_id;

/** Everything that can happen to a shard, and time. */
type Happening =
  | {
      readonly kind: 'register' | 'remove' | 'heartbeat' | 'connect' | 'disconnect' | 'work' | 'rest';
      readonly node: string;
    }
  | { readonly kind: 'adopt' | 'disown' | 'suspend' | 'activate' | 'step'; readonly node: string }
  | { readonly kind: 'night'; readonly node: string }
  | { readonly kind: 'grid'; readonly share: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'look' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      ...(['register', 'remove', 'heartbeat', 'connect', 'disconnect', 'work', 'rest', 'adopt'] as const),
      ...(['disown', 'suspend', 'activate', 'step', 'night'] as const),
    ),
    node: fc.constantFrom(...NODES),
  }),
  fc.record({ kind: fc.constant('grid' as const), share: fc.constantFrom(0, 0.5, 1) }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1_000, 59_000, 119_000, 3_600_000) }),
  fc.constant({ kind: 'look' as const }),
);

async function setUp(): Promise<{
  happen(event: Happening): Promise<void>;
  view: ShardView;
  expected(): Promise<unknown>;
  close(): Promise<void>;
}> {
  const { database, close } = await openTestDatabase();
  let nowMs = Date.parse('2026-01-01T21:30:00Z');
  const clock = { nowMs: () => nowMs };
  const config = readConfig({});
  if (!config.ok) throw new Error(config.error.message);
  const catalogue = new ModelCatalogue(database, config.value, clock);
  await catalogue.load(['/x'], () => Promise.resolve(success({ manifest, manifestHash: hashManifest(manifest) })));
  const registry = new ShardRegistry(OFFLINE_AFTER_MS, clock);
  const standings = new Standings(database);
  const performance = new NodePerformance();
  const allocations = new Allocations();
  const grid = new GridStates(database, clock);
  const view = new ShardView({ catalogue, registry, standings, performance, allocations, grid, clock });
  const connected = new Set<string>();
  registry.watchConnections((nodeId) => connected.has(nodeId));
  for (const node of NODES) await insertTestNode(database, node);
  const working = new Map<string, (() => void)[]>(NODES.map((node) => [node, []]));
  const shardOf = (nodeId: string): Omit<RegisteredShard, 'lastHeartbeatMs'> => ({
    shardId: nodeId,
    nodeId,
    modelId: MODEL,
    layerStart: 0,
    layerEnd: 7,
    vramGb: 1,
    region: 'DE',
    host: null,
    port: null,
    transports: [{ transport: 'ws-relay', version: '1', priority: 1 }],
    manifestHash: null,
    precision: 'fp32',
    provider: null,
  });
  const setStatus = async (node: string, status: 'active' | 'suspended'): Promise<void> => {
    await database.updateTable('nodes').set({ status }).where('id', '=', node).execute();
    standings.changed(node);
  };
  return {
    view,
    close,
    happen: async (event) => {
      switch (event.kind) {
        case 'register':
          return void registry.put(shardOf(event.node));
        case 'remove':
          return void registry.remove(event.node);
        case 'adopt':
          return registry.adopt({ ...shardOf(event.node), lastHeartbeatMs: nowMs });
        case 'disown':
          return registry.disown(event.node, MODEL);
        case 'heartbeat':
          return void registry.heartbeat(event.node);
        case 'connect':
          connected.add(event.node);
          return view.touch(event.node);
        case 'disconnect':
          connected.delete(event.node);
          return view.touch(event.node);
        case 'work':
          return void working.get(event.node)?.push(allocations.begin([event.node]));
        case 'rest':
          return working.get(event.node)?.pop()?.();
        case 'suspend':
          return setStatus(event.node, 'suspended');
        case 'activate':
          return setStatus(event.node, 'active');
        case 'step': {
          const { node: nodeId } = event;
          performance.noteRoundTrip(nodeId, 7);
          const step = { nodeId, modelId: MODEL, layers: 8, positions: 1, elapsedMs: 23, activeRequests: 1 };
          return performance.noteStep(step);
        }
        case 'night':
          await database
            .updateTable('nodes')
            .set({ availability_start: '22:00', availability_end: '06:00' })
            .where('id', '=', event.node)
            .execute();
          return standings.changed(event.node);
        case 'grid': {
          const { share } = event;
          await grid.update({ region: 'DE', load_factor: share, carbon_intensity: share, renewable_fraction: share });
          return undefined;
        }
        case 'time':
          nowMs += event.ms;
          return undefined;
        case 'look':
          return void (await view.shardsOf(MODEL));
      }
    },
    expected: async () => {
      const rows = await database.selectFrom('nodes').selectAll().execute();
      return rows
        .flatMap((row) => registry.shardsOfNode(row.id).map((shard) => ({ row, shard })))
        .map(({ row, shard }) => ({
          nodeId: row.id,
          isActive: registry.reach(shard) !== null && row.status === 'active' && isAvailableAt(row, nowMs),
          activeRequests: allocations.activeRequests(row.id),
          served: allocations.served(row.id),
          gridPriority: grid.priority('DE'),
          roundTripMs: performance.roundTripMs(row.id),
        }));
    },
  };
}

describe('ShardView', () => {
  it('is what everything made anew would be, whatever happened before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (events) => {
        const { view, happen, expected, close } = await setUp();
        try {
          for (const event of events) await happen(event);
          const seen = await view.shardsOf(MODEL);
          const shown = seen
            .map(({ nodeId, isActive, activeRequests, served, gridPriority, roundTripMs }) => ({
              nodeId,
              isActive,
              activeRequests,
              served,
              gridPriority,
              roundTripMs,
            }))
            .toSorted((left, right) => (left.nodeId < right.nodeId ? -1 : 1));
          expect(shown).toEqual(await expected());
        } finally {
          await close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('shows a node that registered while others were being read', async () => {
    const { view, happen, close } = await setUp();
    await happen({ kind: 'register', node: 'a' });
    const first = view.shardsOf(MODEL);
    await happen({ kind: 'register', node: 'b' });
    const second = view.shardsOf(MODEL);
    expect((await second).map((shard) => shard.nodeId).toSorted()).toEqual(['a', 'b']);
    await first;
    await close();
  });

  it('makes up for a reading that failed', async () => {
    const { view, happen, close } = await setUp();
    await happen({ kind: 'register', node: 'a' });
    await close();
    await expect(view.shardsOf(MODEL)).rejects.toThrow('destroyed');
    await expect(view.shardsOf(MODEL)).rejects.toThrow('destroyed');
  });
});
