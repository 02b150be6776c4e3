import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../clock';
import { readConfig } from '../config';
import { silentLogger } from '../logger';
import type { RegisteredShard } from '../scheduling/shard-registry';
import { createServices, type CoordinatorServices } from '../services';
import { openTestDatabase } from '../testing/test-database';
import type { ReplicaBus } from './replica-bus';

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };

/** A bus inside this process that can be away: what is said meanwhile is lost. */
class TestBus {
  private isAway = false;
  private readonly takers: { by: ReplicaBus; subject: string; take: (bytes: Uint8Array) => void }[] = [];
  private readonly returned: (() => void)[] = [];

  connect(): ReplicaBus {
    const bus: ReplicaBus = {
      publish: (subject, bytes) => {
        if (this.isAway) return;
        for (const taker of this.takers) if (taker.by !== bus && taker.subject === subject) taker.take(bytes);
      },
      subscribe: (subject, take) => this.takers.push({ by: bus, subject, take }),
      onReturn: (returned) => this.returned.push(returned),
      close: () => Promise.resolve(),
    };
    return bus;
  }

  goAway(): void {
    this.isAway = true;
  }

  comeBack(): void {
    this.isAway = false;
    for (const returned of this.returned) returned();
  }
}

let close: () => Promise<void>;
let bus: TestBus;
let left: CoordinatorServices;
let right: CoordinatorServices;

beforeEach(async () => {
  const opened = await openTestDatabase();
  ({ close } = opened);
  bus = new TestBus();
  const config = readConfig({});
  if (!config.ok) throw new Error(config.error.message);
  const start = (): CoordinatorServices => {
    const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger, bus: bus.connect() };
    const services = createServices(config.value, 'test', opened.database, surroundings);
    services.replicas?.start();
    return services;
  };
  [left, right] = [start(), start()];
});
afterEach(async () => {
  for (const { replicas } of [left, right]) replicas?.stop();
  await close();
});

function shardOf(nodeId: string, modelId: string): Omit<RegisteredShard, 'lastHeartbeatMs'> {
  return {
    shardId: `${nodeId} ${modelId}`,
    nodeId,
    modelId,
    layerStart: 0,
    layerEnd: 3,
    vramGb: 0,
    region: null,
    host: null,
    port: null,
    transports: [],
    manifestHash: null,
    precision: 'fp32',
    provider: null,
  };
}

const modelsAt = ({ registry }: CoordinatorServices, nodeId: string): string[] =>
  registry
    .shardsOfNode(nodeId)
    .map(({ modelId }) => modelId)
    .sort();

it('make up for what was removed while the bus was away, and bring nothing back that its own replica removed', async () => {
  // One is connected to the left replica, one to the right one, and one to neither.
  for (const [services, connected] of [
    [left, 'l'],
    [right, 'r'],
  ] as const) {
    vi.spyOn(services.hub, 'connectedNodes').mockReturnValue([connected]);
    vi.spyOn(services.hub, 'isConnected').mockImplementation((nodeId) => nodeId === connected);
  }
  for (const modelId of ['m1', 'm2']) {
    for (const nodeId of ['l', 'n']) left.registry.put(shardOf(nodeId, modelId));
    right.registry.put(shardOf('r', modelId));
  }
  const everything = ['m1', 'm2'];
  for (const nodeId of ['l', 'n']) await expect.poll(() => modelsAt(right, nodeId), WITHIN).toEqual(everything);
  await expect.poll(() => modelsAt(left, 'r'), WITHIN).toEqual(everything);
  bus.goAway();
  left.registry.remove('l', 'm1');
  right.registry.put(shardOf('n', 'm3'));
  // As if the left one had never heard of this.
  left.registry.disown('r', 'm2');
  // Longer than changes are collected: the news are told, and lost.
  await new Promise((resolve) => setTimeout(resolve, 200));
  bus.comeBack();
  await expect.poll(() => modelsAt(left, 'n'), WITHIN).toEqual(['m1', 'm2', 'm3']);
  await expect.poll(() => modelsAt(left, 'r'), WITHIN).toEqual(everything);
  await expect.poll(() => modelsAt(right, 'l'), WITHIN).toEqual(['m2']);
  expect(modelsAt(left, 'l')).toEqual(['m2']);
  expect(modelsAt(right, 'r')).toEqual(everything);
});
