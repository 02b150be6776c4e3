import { describe, expect, it } from 'vitest';
import { fitModel } from '../../inference';
import { success, type Result } from '../../protocol/result';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import { nodeFailure } from '../errors';
import { silentLogger } from '../logger';
import { NodeView } from '../node-view';
import type { LayerChoice } from '../policy/policy-inputs';
import type { WorkDevice } from '../policy/work-devices';
import { ManualClock } from '../test-doubles/manual-clock';
import { testHardware } from '../test-doubles/test-hardware';
import { tinyEngines } from '../test-doubles/tiny-engine';
import { tinyManifest } from '../test-doubles/tiny-model';
import { ShardKeeper } from './shard-keeper';
import { ShardPlanner, type AgreedLayers } from './shard-planner';

const AUTOMATIC: LayerChoice = { kind: 'automatic' };
const SUGGESTION = { layer_start: 0, layer_end: 1, precision: 'int4' };

/** Plans with a coordinator that suggests something, and tells what it was asked. */
async function plan(
  layerChoice: LayerChoice,
  precision: HeldPrecision | null,
  suggested: object | null = SUGGESTION,
  agreed: AgreedLayers | null = null,
  devices: readonly WorkDevice[] | undefined = undefined,
) {
  const asked: string[] = [];
  const planner = new ShardPlanner({
    keeper: new ShardKeeper(tinyEngines().start, '/data', silentLogger, () => undefined),
    hardwareReader: testHardware,
    view: new NodeView(new ManualClock(), silentLogger),
    logger: silentLogger,
    fetchJson: async (path): Promise<Result<unknown>> => {
      asked.push(path);
      return suggested === null ? nodeFailure('model-unknown', 'Not known.') : success(suggested);
    },
    coordinator: async () => nodeFailure('coordinator-unreachable', 'Not here.'),
  });
  const wish = {
    coordinatorUrl: null,
    modelFolder: '/models/tiny',
    modelId: null,
    layerChoice,
    precision,
    cpuThreads: null,
    memoryBudgetBytes: null,
    providers: null,
    mayUseCpu: true,
    ...(devices === undefined ? {} : { devices, deviceReasons: ['Card is not used.'] }),
  };
  const planned = await planner.plan(wish, agreed, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  if (!planned.ok) throw new Error(planned.error.message);
  const { chosen, precision: held, ...where } = planned.value;
  return {
    devices: where.devices,
    reasons: where.deviceReasons,
    range: `${chosen.range.layer_start}-${chosen.range.layer_end}`,
    held,
    asked: asked.length,
    path: asked[0],
  };
}

describe('ShardPlanner', () => {
  it('takes layers and precision as the coordinator suggests', async () => {
    expect(await plan(AUTOMATIC, null)).toMatchObject({ range: '0-1', held: 'int4' });
  });

  it('tells the coordinator the precision its person decided on', async () => {
    expect(await plan(AUTOMATIC, 'int8')).toMatchObject({
      range: '0-1',
      held: 'int8',
      path: expect.stringMatching(/&precision=int8$/),
    });
  });

  it('asks for the precision alone where the layers are settled, and for nothing where both are', async () => {
    const own: LayerChoice = { kind: 'range', start: 2, end: 3 };
    expect(await plan(own, null)).toMatchObject({ range: '2-3', held: 'int4', asked: 1 });
    expect(await plan(own, 'fp32')).toMatchObject({ range: '2-3', held: 'fp32', asked: 0 });
    const agreed = { modelId: 'test/tiny', range: { layer_start: 1, layer_end: 2 } };
    expect(await plan(AUTOMATIC, null, SUGGESTION, agreed)).toMatchObject({ range: '1-2', held: 'int4' });
    expect(await plan(AUTOMATIC, 'int8', SUGGESTION, agreed)).toMatchObject({ range: '1-2', held: 'int8', asked: 0 });
  });

  it('asks the coordinator for what all devices hold, and gives the processor the main memory', async () => {
    const card = { provider: 'cuda', deviceId: 1, memoryBudgetBytes: 2 ** 30 };
    const planned = await plan(AUTOMATIC, null, SUGGESTION, null, [card, { provider: 'cpu', memoryBudgetBytes: null }]);
    const mainMemory = planned.devices?.[1]?.memoryBudgetBytes ?? 0;
    expect(mainMemory).toBeGreaterThan(2 ** 30);
    expect(planned).toMatchObject({ range: '0-1', held: 'int4', devices: [card, { provider: 'cpu' }] });
    expect(planned.reasons).toEqual(['Card is not used.']);
    expect(planned.path).toMatch(new RegExp(`vram_gb=${Math.round((1 + mainMemory / 2 ** 30) * 1_000) / 1_000}$`));
  });

  it('takes fewer layers than suggested where the devices together hold no more', async () => {
    const { shape } = tinyManifest({ bytesPerLayer: 100 });
    const [needed] = fitModel(shape, [{ device: 'cuda', budgetBytes: 0 }], { layer_start: 0, layer_end: 1 });
    const room = [{ provider: 'cuda', memoryBudgetBytes: needed?.estimate.totalBytes ?? 0 }];
    expect(needed?.precision).toBe('fp32');
    expect((await plan(AUTOMATIC, null, { layer_start: 0, layer_end: 3 }, null, room)).range).toBe('0-1');
    const own: LayerChoice = { kind: 'range', start: 0, end: 3 };
    expect((await plan(own, 'fp32', null, null, [{ provider: 'cuda', memoryBudgetBytes: 1 }])).range).toBe('0-3');
  });

  it('holds everything exactly where nobody says anything', async () => {
    expect(await plan(AUTOMATIC, null, null)).toMatchObject({ range: '0-3', held: 'fp32' });
    expect(await plan(AUTOMATIC, null, { layer_start: 0, layer_end: 1 })).toMatchObject({ range: '0-1', held: 'fp32' });
  });
});
