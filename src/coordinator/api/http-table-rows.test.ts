import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answerChallenge,
  call,
  callAt,
  challengeAnswer,
  get,
  MODEL,
  post,
  registerNode,
  registration,
  shard,
  type Json,
} from '../testing/foreign-client';
import { ShardServer } from '../testing/foreign-shard-server';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

/*
 * The HTTP table of tore-0001 row by row, with and without a token economy: what every call answers, field by field, and
 * with which status it refuses. The rows are written from the table, not from the routes.
 */

const NODE_VIEW = 'id hardware_class multiplier status reliability_factor token_balance registered_at';
const ENTRY =
  'id event_type node_id amount task_id flops_delivered hardware_multiplier reliability_factor inference_request_id flops_consumed previous_hash entry_hash timestamp expires_at';
const GENERATED =
  'text tokens input_tokens gft_deducted new_balance backend pipeline latency_ms model_id ledger_ref confirmed_at request_id';
const TASK = 'task_id task_type payload model_id layer_start layer_end flops_estimated is_challenge expires_at';

/** What the rows are about: a node with layers, one without, a task of the first, and a node that goes. */
interface Subjects {
  readonly node: string;
  readonly idle: string;
  readonly leaving: string;
  readonly task: Json;
}

interface Row {
  readonly call: string;
  readonly path: (of: Subjects) => string;
  readonly body?: (of: Subjects) => unknown;
  readonly status?: number;
  /** Fields of the answer; more may come. */
  readonly fields: string;
  /** Fields of the members of a list in the answer. */
  readonly list?: readonly [name: string, fields: string];
}

const ROWS: readonly Row[] = [
  { call: 'GET', path: () => '/', fields: 'name version status token_mode' },
  { call: 'GET', path: () => '/health', fields: 'status database ledger_entries ledger_valid total_supply' },
  {
    call: 'POST',
    path: () => '/nodes/register',
    body: () => ({
      ...registration('key-new'),
      availability_start: '22:00',
      availability_end: '06:30',
      max_gpu_utilization: 0.5,
      tore4_node_id: 'n-1',
    }),
    status: 201,
    fields: NODE_VIEW,
  },
  { call: 'GET', path: ({ node }) => `/nodes/${node}`, fields: NODE_VIEW },
  { call: 'POST', path: ({ node }) => `/nodes/${node}/heartbeat`, fields: 'status last_seen' },
  {
    call: 'POST',
    path: ({ idle }) => `/nodes/${idle}/hardware-update`,
    body: () => registration('key-idle', { matmul_score: 0.3 }),
    fields: 'node_id new_multiplier quarantine status',
  },
  { call: 'DELETE', path: ({ leaving }) => `/nodes/${leaving}`, fields: 'status node_id' },
  {
    call: 'POST',
    path: () => '/inference/shards/register',
    body: ({ idle }) => shard(idle, 0, 3),
    fields: 'shard_id node_id model_id layers layer_count',
  },
  { call: 'POST', path: ({ idle }) => `/inference/shards/heartbeat/${idle}`, fields: 'status node_id shards' },
  { call: 'GET', path: ({ idle }) => `/inference/shards/node/${idle}`, fields: 'node_id shards' },
  { call: 'GET', path: () => '/inference/shards/registry', fields: 'total_nodes total_shards' },
  {
    call: 'DELETE',
    path: ({ idle }) => `/inference/shards/${idle}?model_id=${MODEL}`,
    fields: 'status shards_removed',
  },
  {
    call: 'GET',
    path: () => '/inference/models',
    fields: 'models',
    list: ['models', 'model_id friendly_name total_layers min_nodes optimal_nodes pipeline_available registry'],
  },
  {
    call: 'GET',
    path: () => `/inference/pipeline/${MODEL}`,
    fields:
      'available model_id friendly_name total_layers layers_covered layers_missing online_nodes pipeline_nodes reason',
  },
  {
    call: 'GET',
    path: () => `/inference/suggest/${MODEL}?vram_gb=8`,
    fields: 'model_id layer_start layer_end layer_count total_layers precision vram_required_gb',
  },
  {
    call: 'GET',
    path: () => `/inference/cost/estimate?model_id=${MODEL}&max_new_tokens=4&precision=fp16`,
    fields: 'model_id max_new_tokens precision estimated_gft',
  },
  {
    call: 'POST',
    path: () => '/inference/generate',
    body: ({ node }) => ({
      node_id: node,
      model_id: MODEL,
      prompt: 'hello',
      max_new_tokens: 2,
      force_backend: 'distributed',
    }),
    fields: GENERATED,
  },
  { call: 'POST', path: ({ node }) => `/tasks/dispatch/${node}`, fields: TASK },
  { call: 'GET', path: ({ task }) => `/tasks/${String(task['task_id'])}`, fields: 'task_id status is_challenge' },
  {
    call: 'POST',
    path: () => '/tasks/result',
    body: ({ node, task }) => ({
      task_id: task['task_id'],
      node_id: node,
      result_hash: challengeAnswer(task),
      flops_delivered: 1,
      execution_time_ms: 1,
    }),
    fields: 'status passed reliability redundancy_siblings consistency_score message',
  },
  {
    call: 'GET',
    path: ({ node }) => `/tasks/node/${node}/stats`,
    fields: 'node_id reliability challenges_total challenges_passed challenges_failed pass_rate',
  },
  {
    call: 'GET',
    path: ({ node }) => `/tokens/${node}/balance`,
    fields: 'node_id balance total_earned total_spent last_updated',
  },
  { call: 'GET', path: ({ node }) => `/tokens/${node}/history?limit=5`, fields: 'entries', list: ['entries', ENTRY] },
  {
    call: 'POST',
    path: () => '/tokens/redeem',
    body: ({ node }) => ({
      node_id: node,
      model_id: MODEL,
      output_tokens: 10,
      precision: 'int8',
      inference_request_id: 'r',
    }),
    fields: 'success gft_deducted new_balance ledger_entry_id',
  },
  {
    call: 'GET',
    path: () => `/tokens/cost/estimate?model_id=${MODEL}&output_tokens=10&precision=fp32`,
    fields: 'total_gft_cost',
  },
  { call: 'GET', path: () => '/tokens/ledger/verify', fields: 'chain_valid total_entries' },
  { call: 'GET', path: () => '/tokens/ledger/audit?limit=5', fields: 'entries', list: ['entries', ENTRY] },
  { call: 'GET', path: () => '/grid/states', fields: 'regions' },
  { call: 'GET', path: () => '/grid/score/US-NY', fields: 'region' },
  {
    call: 'POST',
    path: () => '/grid/states/update?region=US-NY&load_factor=0.5&carbon_intensity=0.2&renewable_fraction=0.4',
    fields: 'updated grid_score',
  },
  { call: 'POST', path: ({ node }) => `/grid/nodes/${node}/region?region=US-NY`, fields: 'node_id region' },
  { call: 'GET', path: ({ node }) => `/grid/nodes/${node}/score`, fields: 'node_id region reliability final_score' },
  { call: 'GET', path: () => '/grid/select', fields: 'selected_node_id final_score' },
];

/** Ways to be refused: the call, what it says, and the status of the answer. */
const REFUSALS: readonly (readonly [call: string, path: (of: Subjects) => string, body: unknown, status: number])[] = [
  ['GET', () => '/nodes/nobody', undefined, 404],
  ['DELETE', () => '/nodes/nobody', undefined, 404],
  ['POST', () => '/nodes/nobody/heartbeat', undefined, 404],
  ['POST', () => '/nodes/nobody/hardware-update', registration('key-x'), 404],
  ['POST', () => '/nodes/nobody/unsuspend', undefined, 404],
  ['POST', ({ node }) => `/nodes/${node}/unsuspend`, undefined, 400],
  ['POST', () => '/nodes/register', registration('key-node'), 409],
  ['POST', () => '/nodes/register', {}, 422],
  ['POST', () => '/nodes/register', { ...registration('key-y'), max_gpu_utilization: 1.5 }, 422],
  ['POST', () => '/nodes/register', { ...registration('key-y'), availability_start: '25:00' }, 422],
  ['POST', () => '/inference/shards/heartbeat/nobody', undefined, 404],
  ['POST', () => '/inference/shards/register', {}, 422],
  ['POST', () => '/inference/shards/register', shard('nobody', 0, 3), 404],
  ['DELETE', () => `/inference/shards/nobody?model_id=${MODEL}`, undefined, 404],
  ['GET', () => '/inference/pipeline/org/unknown', undefined, 404],
  ['GET', () => '/inference/suggest/org/unknown?vram_gb=8', undefined, 404],
  ['GET', () => `/inference/suggest/${MODEL}?vram_gb=none`, undefined, 422],
  ['GET', () => '/inference/cost/estimate?model_id=org/unknown&max_new_tokens=4', undefined, 404],
  ['GET', () => `/inference/cost/estimate?model_id=${MODEL}`, undefined, 422],
  ['POST', () => '/inference/generate', {}, 422],
  ['POST', () => '/inference/generate', { node_id: 'nobody', model_id: MODEL, prompt: 'x' }, 404],
  ['POST', () => '/tasks/dispatch/nobody', undefined, 404],
  ['POST', ({ idle }) => `/tasks/dispatch/${idle}`, undefined, 400],
  ['POST', () => '/tasks/result', {}, 422],
  ['GET', () => '/tasks/none', undefined, 404],
  ['GET', () => '/tasks/node/nobody/stats', undefined, 404],
  ['GET', () => '/grid/score/XX-YY', undefined, 404],
  ['POST', () => '/grid/states/update', undefined, 422],
  ['POST', () => '/grid/nodes/nobody/region?region=US-NY', undefined, 404],
  ['POST', ({ node }) => `/grid/nodes/${node}/region`, undefined, 422],
  ['GET', () => '/grid/nodes/nobody/score', undefined, 404],
];

const TOKEN_REFUSALS: typeof REFUSALS = [
  ['GET', () => '/tokens/nobody/balance', undefined, 404],
  ['GET', () => '/tokens/nobody/history', undefined, 404],
  ['GET', ({ node }) => `/tokens/${node}/history?limit=none`, undefined, 422],
  ['POST', () => '/tokens/redeem', {}, 422],
  [
    'POST',
    () => '/tokens/redeem',
    { node_id: 'nobody', model_id: MODEL, output_tokens: 1, precision: 'fp16', inference_request_id: 'r' },
    404,
  ],
  ['GET', () => '/tokens/cost/estimate?model_id=org/unknown&output_tokens=1', undefined, 404],
  ['GET', () => '/tokens/cost/estimate', undefined, 422],
  ['GET', () => '/tokens/ledger/audit?limit=none', undefined, 422],
];

describe.each([{ tokenEconomy: true }, { tokenEconomy: false }])('row by row, %o', ({ tokenEconomy }) => {
  let target: TestCoordinator;
  let server: ShardServer;
  let subjects: Subjects;

  beforeAll(async () => {
    target = await startTestCoordinator({ tokenEconomy, taskTimeoutSeconds: 600 });
    callAt(target.url);
    server = await new ShardServer().listen();
    const node = await registerNode('key-node');
    await post('/inference/shards/register', shard(node, 0, 7, server.port));
    const task = (await post(`/tasks/dispatch/${node}`)).body;
    subjects = { node, idle: await registerNode('key-idle'), leaving: await registerNode('key-leaving'), task };
  });
  afterAll(async () => {
    await target.coordinator.stop();
    server.close();
  });

  // The token calls of the table answer 503 without a token economy, whatever they are given.
  const isOff = (path: string): boolean => !tokenEconomy && path.startsWith('/tokens/');

  it.each(ROWS)('$call $path', async (row) => {
    const path = row.path(subjects);
    const answer = await call(row.call, path, row.body?.(subjects));
    if (isOff(path)) {
      expect(answer).toMatchObject({ status: 503, body: { detail: expect.any(String) as string } });
      return;
    }
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: row.status ?? 200 });
    expect(Object.keys(answer.body)).toEqual(expect.arrayContaining(row.fields.split(' ')));
    if (row.list === undefined) return;
    const [name, fields] = row.list;
    const members = answer.body[name] as Json[];
    expect(members.length).toBeGreaterThan(0);
    for (const member of members) expect(Object.keys(member)).toEqual(expect.arrayContaining(fields.split(' ')));
  });

  it.each([...REFUSALS, ...TOKEN_REFUSALS])('%s %s with %o is refused with %i', async (method, path, body, status) => {
    const answer = await call(method, path(subjects), body);
    expect(answer.status).toBe(isOff(path(subjects)) ? 503 : status);
    expect(answer.body['detail']).toBeDefined();
  });

  it('says by its answers whether there are tokens', async () => {
    expect((await get('/')).body['token_mode']).toBe(tokenEconomy ? 'enabled' : 'disabled');
    const health = (await get('/health')).body;
    expect(health).toMatchObject({ status: 'healthy', ledger_valid: true });
    expect(Number(health['total_supply']) > 0).toBe(tokenEconomy);
  });
});

describe('what depends on time and standing', () => {
  it('refuses an answer that came too late, a second one, and work for a node that is suspended', async () => {
    let nowMs = Date.parse('2026-06-01T00:00:00Z');
    const target = await startTestCoordinator(
      { taskTimeoutSeconds: 300, maintenanceSeconds: 3_600 },
      { clock: { nowMs: () => nowMs } },
    );
    try {
      callAt(target.url);
      const id = await registerNode('key-a');
      await post('/inference/shards/register', shard(id, 0, 3));
      const task = (await post(`/tasks/dispatch/${id}`)).body;
      const result = {
        task_id: task['task_id'],
        node_id: id,
        result_hash: challengeAnswer(task),
        flops_delivered: 1,
        execution_time_ms: 1,
      };
      nowMs += 299_000;
      expect((await post('/tasks/result', result)).status).toBe(200);
      expect((await post('/tasks/result', result)).status).toBe(409);
      await post(`/inference/shards/heartbeat/${id}`);
      const late = (await post(`/tasks/dispatch/${id}`)).body;
      nowMs += 300_000;
      const tooLate = { ...result, task_id: late['task_id'], result_hash: challengeAnswer(late) };
      expect((await post('/tasks/result', tooLate)).status).toBe(410);
      await post(`/inference/shards/heartbeat/${id}`);
      // One right answer stays in the window, so it takes more than ten wrong ones.
      for (let round = 0; round < 40; round += 1) {
        nowMs += 300_000;
        await post(`/inference/shards/heartbeat/${id}`);
        if ((await answerChallenge(id, false)).body['status'] === 'suspended') break;
      }
      expect((await get(`/nodes/${id}`)).body['status']).toBe('suspended');
      expect((await post(`/tasks/dispatch/${id}`)).status).toBe(403);
    } finally {
      await target.coordinator.stop();
    }
  });
});
