import { describe, expect, it } from 'vitest';
import { success, type Result } from '../../protocol/result';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import { nodeFailure } from '../errors';
import { silentLogger } from '../logger';
import { NodeView } from '../node-view';
import type { LayerChoice } from '../policy/policy-inputs';
import { ManualClock } from '../test-doubles/manual-clock';
import { testHardware } from '../test-doubles/test-hardware';
import { tinyEngines } from '../test-doubles/tiny-engine';
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
    modelFolder: '/models/tiny',
    modelId: null,
    layerChoice,
    precision,
    cpuThreads: null,
    memoryBudgetBytes: null,
    providers: null,
    mayUseCpu: true,
  };
  const planned = await planner.plan(wish, agreed, new AbortController().signal);
  if (!planned.ok) throw new Error(planned.error.message);
  const { chosen, precision: held } = planned.value;
  return { range: `${chosen.range.layer_start}-${chosen.range.layer_end}`, held, asked: asked.length, path: asked[0] };
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

  it('holds everything exactly where nobody says anything', async () => {
    expect(await plan(AUTOMATIC, null, null)).toMatchObject({ range: '0-3', held: 'fp32' });
    expect(await plan(AUTOMATIC, null, { layer_start: 0, layer_end: 1 })).toMatchObject({ range: '0-1', held: 'fp32' });
  });
});
