import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { testEngine } from '../testing/test-database';

/*
 * The HTTP table of tore-0001, as a foreign client sees it. The client and its shapes are written from the table;
 * nothing here calls the functions the coordinator is made of, except to start it.
 */

let target: TestCoordinator;

describe('the HTTP table', () => {
  beforeEach(async () => {
    target = await startTestCoordinator({ name: 'Table', challengeEverySeconds: 0.01 });
    callAt(target.url);
  });
  afterEach(async () => {
    await target.coordinator.stop();
  });

  it('says who it is and how it is', async () => {
    const root = await get('/');
    expect(root.status).toBe(200);
    expect(Object.keys(root.body).sort()).toEqual(['name', 'status', 'token_mode', 'version']);
    await registerNode('key-a');
    const health = await get('/health');
    expect(health.body).toEqual({
      status: 'healthy',
      database: 'connected',
      ledger_entries: 1,
      ledger_valid: true,
      total_supply: 10,
    });
  });

  it('registers a node once', async () => {
    const first = await post('/nodes/register', registration('key-a'));
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      hardware_class: 'mid_consumer_gpu',
      multiplier: expect.any(Number) as number,
      status: 'active',
      reliability_factor: 1,
      token_balance: 10,
      registered_at: expect.stringMatching(/Z$/) as string,
    });
    const again = await post('/nodes/register', registration('key-a'));
    expect(again.status).toBe(409);
    expect(String(again.body['detail'])).toContain(String(first.body['id']));
    const shown = await get(`/nodes/${String(first.body['id'])}`);
    expect(shown.body).toMatchObject(first.body);
  });

  it('keeps heartbeat, deregistration and return of a node apart', async () => {
    const id = await registerNode('key-a');
    const beat = await post(`/nodes/${id}/heartbeat`);
    expect(beat.body).toEqual({ status: 'active', last_seen: expect.any(String) as string });
    const gone = await call('DELETE', `/nodes/${id}`);
    expect(gone.body).toEqual({ status: 'deregistered', node_id: id });
    expect((await post(`/nodes/${id}/heartbeat`)).status).toBe(404);
    expect((await get(`/tokens/${id}/balance`)).body['balance']).toBe(10);
    const back = await post('/nodes/register', registration('key-a'));
    expect(back.status).toBe(201);
    expect(back.body).toMatchObject({ id, token_balance: 10, status: 'active' });
  });

  it('judges the hardware a node comes back with by what it left with', async () => {
    const fast = { matmul_score: 0.9, memory_score: 0.9, latency_score: 0.9 };
    const left = await post('/nodes/register', registration('key-a', fast));
    const id = String(left.body['id']);
    await call('DELETE', `/nodes/${id}`);
    const slow = registration('key-a', { matmul_score: 0.1, memory_score: 0.1, latency_score: 0.1, fingerprint: 'b' });
    const back = await post('/nodes/register', slow);
    expect(Number(back.body['multiplier'])).toBeLessThan(Number(left.body['multiplier']));
    await call('DELETE', `/nodes/${id}`);
    const again = await post('/nodes/register', registration('key-a', fast));
    expect(again.body['multiplier']).toBe(back.body['multiplier']);
    expect((await get(`/nodes/${id}`)).body).toMatchObject({
      hardware_changes: 2,
      quarantine_until: expect.stringMatching(/Z$/),
    });
  });

  it('answers unknown ids with 404 and malformed ones without a fault', async () => {
    for (const path of [
      '/nodes/nobody',
      '/tasks/none',
      '/tasks/node/nobody/stats',
      '/tokens/nobody/balance',
      '/grid/nodes/nobody/score',
    ]) {
      const answer = await get(path);
      expect({ path, status: answer.status }).toEqual({ path, status: 404 });
      expect(typeof answer.body['detail']).toBe('string');
    }
    expect((await get('/nodes/%E0%A4%A')).status).toBe(400);
    expect((await get('/index.html')).status).toBe(404);
  });

  it('quarantines a rise in hardware and holds the third change for review', async () => {
    const id = await registerNode('key-a');
    const faster = registration('key-a', { matmul_score: 0.9, memory_score: 0.9, latency_score: 0.9 });
    const rise = await post(`/nodes/${id}/hardware-update`, faster);
    expect(rise.status).toBe(200);
    const quarantine = rise.body['quarantine'] as Json;
    expect(quarantine['quarantine_required']).toBe(true);
    const ratio = Number(quarantine['new_multiplier']) / Number(quarantine['old_multiplier']);
    expect(Number(quarantine['duration_hours'])).toBeCloseTo(24 * Math.log2(ratio), 6);
    expect((await get(`/nodes/${id}`)).body['multiplier']).toBe(quarantine['old_multiplier']);
    const fall = await post(`/nodes/${id}/hardware-update`, registration('key-a', { matmul_score: 0.1 }));
    expect((fall.body['quarantine'] as Json)['quarantine_required']).toBe(false);
    const third = await post(`/nodes/${id}/hardware-update`, registration('key-a', { matmul_score: 0.5 }));
    expect(third.body['status']).toBe('suspended');
    expect((await post(`/tasks/dispatch/${id}`)).status).toBe(403);
    expect((await post(`/nodes/${id}/unsuspend`)).status).toBe(403);
    await target.coordinator.releaseNode(id);
    expect((await get(`/nodes/${id}`)).body['status']).toBe('active');
    expect((await post(`/nodes/${id}/unsuspend`)).status).toBe(400);
  });

  it('registers, lists, renews and removes shards', async () => {
    const id = await registerNode('key-a');
    expect((await post(`/inference/shards/heartbeat/${id}`)).status).toBe(404);
    const answer = await post('/inference/shards/register', shard(id, 0, 3));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      shard_id: expect.any(String) as string,
      node_id: id,
      model_id: MODEL,
      layers: '0-3',
      layer_count: 4,
    });
    expect((await post(`/inference/shards/heartbeat/${id}`)).body).toEqual({ status: 'ok', node_id: id, shards: 1 });
    expect((await get(`/inference/shards/node/${id}`)).body).toMatchObject({
      node_id: id,
      shards: [{ model_id: MODEL, layer_start: 0, layer_end: 3, is_online: true, region: 'US-NY' }],
    });
    expect((await get('/inference/shards/registry')).body).toMatchObject({ total_nodes: 1, total_shards: 1 });
    const removed = await call('DELETE', `/inference/shards/${id}?model_id=${MODEL}`);
    expect(removed.body).toMatchObject({ status: 'deregistered', shards_removed: 1, layers: ['0-3'] });
    expect((await call('DELETE', `/inference/shards/${id}`)).status).toBe(404);
  });

  it('refuses bad ranges, unknown models and unknown nodes of shards', async () => {
    const id = await registerNode('key-a');
    for (const body of [shard(id, 5, 3), shard(id, 0, 8), { ...shard(id, 0, 3), model_id: 'org/other' }]) {
      expect((await post('/inference/shards/register', body)).status).toBe(400);
    }
    expect((await post('/inference/shards/register', shard('nobody', 0, 3))).status).toBe(404);
    const metadata = await post('/inference/shards/register', { ...shard(id, 0, 3), host: '169.254.169.254' });
    expect(metadata.status).toBe(400);
    const smuggled = await post('/inference/shards/register', { ...shard(id, 0, 3), host: 'a.example/path?' });
    expect(smuggled.status).toBe(400);
  });

  it('reports models and pipelines, with slashes in ids raw or escaped', async () => {
    const empty = await get(`/inference/pipeline/${MODEL}`);
    expect(empty.body).toMatchObject({ available: false, layers_covered: 0, total_layers: 8, online_nodes: 0 });
    const [a, b] = [await registerNode('key-a'), await registerNode('key-b')];
    await post('/inference/shards/register', shard(a, 0, 3));
    const half = await get(`/inference/pipeline/${encodeURIComponent(MODEL)}`);
    expect(half.body).toMatchObject({ available: false, layers_missing: [4, 5, 6, 7] });
    await post('/inference/shards/register', shard(b, 4, 7));
    const whole = await get(`/inference/pipeline/${MODEL}`);
    expect(whole.body).toEqual({
      available: true,
      model_id: MODEL,
      friendly_name: 'Test model',
      total_layers: 8,
      layers_covered: 8,
      layers_missing: [],
      online_nodes: 2,
      pipeline_nodes: [a, b],
      reason: expect.any(String) as string,
    });
    expect((await get('/inference/models')).body['models']).toEqual([
      expect.objectContaining({
        model_id: MODEL,
        friendly_name: 'Test model',
        total_layers: 8,
        min_nodes: 1,
        optimal_nodes: 2,
        pipeline_available: true,
        registry: { online: 2, offline: 0, layers_covered: 8 },
      }),
    ]);
    expect((await get('/inference/pipeline/org/unknown')).status).toBe(404);
  });

  it('suggests to hold layers as most of them are held, and completes what is held alike', async () => {
    const suggest = async (query = ''): Promise<Json> =>
      (await get(`/inference/suggest/${MODEL}?vram_gb=8${query}`)).body;
    expect(await suggest()).toMatchObject({ precision: 'fp32', layer_start: 0, layer_end: 7 });
    const [a, b] = [await registerNode('key-a'), await registerNode('key-b')];
    await post('/inference/shards/register', { ...shard(a, 0, 5), precision: 'int4' });
    await post('/inference/shards/register', shard(b, 0, 3));
    const [usual, exact, other] = [await suggest(), await suggest('&precision=fp32'), await suggest('&precision=int8')];
    expect(usual).toMatchObject({ precision: 'int4', layer_start: 6, layer_end: 7 });
    expect(exact).toMatchObject({ precision: 'fp32', layer_start: 4, layer_end: 7 });
    expect(other).toMatchObject({ precision: 'int8', layer_start: 0, layer_end: 7 });
    expect((await get(`/inference/suggest/${MODEL}?precision=exact`)).status).toBe(422);
    // Fewer bits take less memory.
    const needs = async (precision: string): Promise<number> =>
      Number((await suggest(`&precision=${precision}`))['vram_required_gb']);
    await call('DELETE', `/inference/shards/${a}`);
    await call('DELETE', `/inference/shards/${b}`);
    expect(await needs('int4')).toBeLessThan(await needs('int8'));
    expect(await needs('int8')).toBeLessThan(await needs('fp32'));
  });

  it('suggests layers and estimates costs', async () => {
    const all = await get(`/inference/suggest/${MODEL}?vram_gb=8`);
    expect(all.body).toMatchObject({ model_id: MODEL, layer_start: 0, layer_end: 7, layer_count: 8, total_layers: 8 });
    const a = await registerNode('key-a');
    await post('/inference/shards/register', shard(a, 0, 3));
    const rest = await get(`/inference/suggest/${MODEL}?vram_gb=8`);
    expect(rest.body).toMatchObject({ layer_start: 4, layer_end: 7 });
    expect((await get(`/inference/suggest/${MODEL}?vram_gb=0.0001`)).status).toBe(400);
    // Moving there would fill what is missing, but leave a gap behind; a second holder of the same layers may go.
    expect((await get(`/inference/suggest/${MODEL}?vram_gb=8&node_id=${a}`)).body['move']).toBeNull();
    const spare = await registerNode('key-b');
    await post('/inference/shards/register', shard(spare, 0, 3));
    const moved = await get(`/inference/suggest/${MODEL}?vram_gb=8&node_id=${spare}`);
    expect(moved.body['move']).toEqual({ layer_start: 4, layer_end: 7, gain: null });
    const wide = await get(`/inference/cost/estimate?model_id=${MODEL}&max_new_tokens=64&precision=fp32`);
    const half = await get(`/inference/cost/estimate?model_id=${MODEL}&max_new_tokens=64&precision=fp16`);
    expect(wide.body).toEqual({
      model_id: MODEL,
      max_new_tokens: 64,
      precision: 'fp32',
      estimated_gft: expect.any(Number) as number,
    });
    expect(Number(wide.body['estimated_gft'])).toBeCloseTo(2 * Number(half.body['estimated_gft']), 5);
    expect((await get(`/inference/cost/estimate?model_id=${MODEL}&max_new_tokens=no`)).status).toBe(422);
  });

  it('judges challenges', async () => {
    const id = await registerNode('key-a');
    expect((await post(`/tasks/dispatch/${id}`)).status).toBe(400);
    await post('/inference/shards/register', shard(id, 2, 5));
    const task = await post(`/tasks/dispatch/${id}`);
    expect(task.body).toEqual({
      task_id: expect.any(String) as string,
      task_type: 'inference_challenge',
      payload: { prompt: expect.any(String) as string, max_tokens: expect.any(Number) as number, temperature: 0 },
      model_id: MODEL,
      layer_start: 2,
      layer_end: 5,
      flops_estimated: expect.any(Number) as number,
      is_challenge: true,
      expires_at: expect.any(String) as string,
    });
    const result = {
      task_id: task.body['task_id'],
      node_id: id,
      result_hash: challengeAnswer(task.body),
      flops_delivered: 1.5,
      execution_time_ms: 2,
    };
    const other = await registerNode('key-b');
    expect((await post('/tasks/result', { ...result, node_id: other })).status).toBe(403);
    const verdict = await post('/tasks/result', result);
    expect(verdict.body).toEqual({
      status: 'verified',
      passed: true,
      reliability: 1,
      redundancy_siblings: null,
      consistency_score: 1,
      message: expect.any(String) as string,
    });
    expect((await post('/tasks/result', result)).status).toBe(409);
    expect((await post('/tasks/result', { ...result, task_id: 'none' })).status).toBe(404);
    expect((await get(`/tasks/${String(result.task_id)}`)).body).toMatchObject({
      status: 'verified',
      is_challenge: true,
    });
    const wrong = await answerChallenge(id, false);
    expect(wrong.body).toMatchObject({ status: 'failed', passed: false, reliability: 0.75, consistency_score: 0.5 });
    expect((await get(`/tasks/node/${id}/stats`)).body).toEqual({
      node_id: id,
      reliability: 0.75,
      challenges_total: 2,
      challenges_passed: 1,
      challenges_failed: 1,
      pass_rate: 0.5,
    });
  });

  it('suspends after ten bad answers and lets the node back in', async () => {
    const id = await registerNode('key-a');
    await post('/inference/shards/register', shard(id, 0, 7));
    for (let round = 1; round <= 9; round += 1) {
      expect((await answerChallenge(id, false)).body['status']).toBe('failed');
    }
    expect((await answerChallenge(id, false)).body['status']).toBe('suspended');
    expect((await post(`/tasks/dispatch/${id}`)).status).toBe(403);
    expect((await get(`/inference/pipeline/${MODEL}`)).body['available']).toBe(false);
    const released = await post(`/nodes/${id}/unsuspend`);
    expect(released.body).toEqual({ status: 'active', reliability: 0.5, message: expect.any(String) as string });
    expect((await answerChallenge(id, true)).body['status']).toBe('verified');
  });

  it('knows grids, labels the built-in table and takes better values', async () => {
    const states = await get('/grid/states');
    expect(states.body['source']).toBe('static');
    expect((states.body['regions'] as Json[]).every((state) => state['source'] === 'static')).toBe(true);
    expect((await get('/grid/score/us-ny')).body['region']).toBe('US-NY');
    expect((await get('/grid/score/XX-YY')).status).toBe(404);
    const query = 'region=us-ny&load_factor=0.5&carbon_intensity=0.25&renewable_fraction=1';
    const update = await post(`/grid/states/update?${query}`);
    expect(update.body).toEqual({ updated: 'US-NY', grid_score: 0.4 * 0.5 + 0.4 * 0.75 + 0.2 });
    expect((await post(`/grid/states/update?${query.replace('0.5', '1.5')}`)).status).toBe(400);
    expect((await post('/grid/states/update')).status).toBe(422);
    expect((await get('/grid/select')).status).toBe(404);
    const id = await registerNode('key-a');
    const placed = await post(`/grid/nodes/${id}/region?region=us-ny`);
    expect(placed.body).toMatchObject({ node_id: id, region: 'US-NY' });
    const score = await get(`/grid/nodes/${id}/score`);
    expect(score.body).toMatchObject({ node_id: id, region: 'US-NY', reliability: 1 });
    expect((await get('/grid/select')).body).toMatchObject({
      selected_node_id: id,
      final_score: score.body['final_score'],
    });
  });

  it('publishes checkpoints of the ledger, and exports entries', async () => {
    const id = await registerNode('key-a');
    await registerNode('key-b');
    if (testEngine() === 'sqlite') {
      await expect.poll(async () => (await get('/tokens/ledger/checkpoints/latest')).status).toBe(200);
      const published = await get('/tokens/ledger/checkpoints?limit=1');
      expect(published.body).toEqual({ total: expect.any(Number) as number, checkpoints: [expect.any(Object)] });
      expect((published.body['checkpoints'] as Json[])[0]).toMatchObject({
        tore_spec: 'tore-0001',
        type: 'ledger-checkpoint',
        coordinator_id: target.coordinatorId,
        number: 1,
        signature: { alg: 'Ed25519' },
      });
      expect((await get('/tokens/ledger/checkpoints?after_number=1000')).body['checkpoints']).toEqual([]);
    } else {
      // No key is configured for this database.
      expect((await get('/tokens/ledger/checkpoints/latest')).status).toBe(404);
    }
    expect((await get('/tokens/ledger/checkpoints?limit=0')).status).toBe(422);
    const lines = await fetch(`${target.url}/tokens/${id}/export`);
    expect(lines.headers.get('content-type')).toContain('application/x-ndjson');
    const entries = (await lines.text()).trimEnd().split('\n');
    expect(entries.map((line) => JSON.parse(line) as Json)).toEqual([
      expect.objectContaining({ seq: 1, node_id: id, event_type: 'purchase', amount: 10 }),
    ]);
    const sheet = await fetch(`${target.url}/tokens/${id}/export?format=csv`);
    expect((await sheet.text()).split('\r\n')).toHaveLength(3);
    expect((await get(`/tokens/${id}/export?format=xml`)).status).toBe(422);
    expect((await get('/tokens/nobody/export')).status).toBe(404);
    // The whole ledger is for administrators alone, also where everybody may read single accounts.
    expect((await get('/tokens/ledger/export')).status).toBe(401);
  });

  it('takes null for whatever may be left out', async () => {
    const absent = { availability_start: null, max_gpu_utilization: null, protocol_version: null, tore4_node_id: null };
    const node = await post('/nodes/register', { ...registration('key-a'), ...absent });
    expect(node.status).toBe(201);
    const id = String(node.body['id']);
    expect((await get(`/nodes/${id}`)).body).toMatchObject({ max_gpu_utilization: 0.8, protocol_version: '0.1' });
    const nothing = { vram_gb: null, region: null, transports: null, manifest_hash: null, precision: null };
    expect((await post('/inference/shards/register', { ...shard(id, 0, 7), ...nothing })).status).toBe(200);
    const plain = { prompt: null, messages: null, max_new_tokens: null, temperature: null, precision: null };
    const asked = await post('/inference/generate', { node_id: id, model_id: MODEL, ...plain, force_backend: null });
    expect(String(asked.body['detail'])).toContain('neither a prompt nor messages');
    const sampling = { temperature: 0, top_k: 0, top_p: 1, seed: null, stop: null };
    const sampled = await post('/inference/generate', { node_id: id, model_id: 'org/other', prompt: 'x', sampling });
    expect(sampled.status).toBe(404);
  });

  it('reports what is wrong with a body', async () => {
    const missing = await post('/nodes/register', { public_key: 'k' });
    expect(missing.status).toBe(422);
    expect(missing.body['detail']).toEqual([
      { type: 'missing', loc: ['body', 'hardware_profile'], msg: 'Field required', input: null },
    ]);
    const wrong = await post('/nodes/register', registration('k', { cpu_cores: 'four' }));
    expect(wrong.body['detail']).toEqual([
      expect.objectContaining({ type: 'int_type', loc: ['body', 'hardware_profile', 'cpu_cores'], input: 'four' }),
    ]);
    expect((await post('/nodes/register', '{"public_key":')).status).toBe(422);
    expect((await post('/nodes/register')).status).toBe(422);
    expect((await post('/nodes/register', '{"__proto__":{"x":1},"public_key":"k"}')).status).toBeGreaterThanOrEqual(
      400,
    );
    const form = await call('POST', '/nodes/register', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(form.status).toBe(415);
    const large = await post('/nodes/register', { public_key: 'x'.repeat(5_000_000) });
    expect(large.status).toBe(413);
  });
});

describe('the access token', () => {
  beforeAll(async () => {
    target = await startTestCoordinator({ accessToken: 'a-secret-token' });
    callAt(target.url);
  });
  afterAll(() => target.coordinator.stop());

  it('is needed everywhere', async () => {
    expect((await get('/')).status).toBe(401);
    expect((await get('/nowhere')).status).toBe(401);
    const wrong = await call('GET', '/', undefined, { authorization: 'Bearer another-token' });
    expect(wrong.status).toBe(401);
    const right = await call('GET', '/', undefined, { authorization: 'Bearer a-secret-token' });
    expect(right.status).toBe(200);
  });
});
