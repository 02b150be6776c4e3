import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callAt, get, MODEL, post, registerNode, shard, type Json } from '../testing/foreign-client';
import { ShardServer } from '../testing/foreign-shard-server';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

/*
 * The HTTP table of tore-0001, as a foreign client sees it. The client and its shapes are written from the table;
 * nothing here calls the functions the coordinator is made of, except to start it.
 */

let target: TestCoordinator;

let servers: ShardServer[] = [];
async function shardServer(options: ConstructorParameters<typeof ShardServer>[0] = {}): Promise<ShardServer> {
  const server = await new ShardServer(options).listen();
  servers.push(server);
  return server;
}

describe('generating and paying by the HTTP table', () => {
  beforeEach(async () => {
    target = await startTestCoordinator();
    callAt(target.url);
  });
  afterEach(async () => {
    await target.coordinator.stop();
    for (const server of servers) server.close();
    servers = [];
  });

  it('pays and charges a request on one node that holds every layer', async () => {
    const [owner, worker] = [await registerNode('key-a'), await registerNode('key-b')];
    const server = await shardServer();
    await post('/inference/shards/register', shard(worker, 0, 7, server.port));
    const answer = await post('/inference/generate', {
      node_id: owner,
      model_id: MODEL,
      prompt: 'hello',
      max_new_tokens: 4,
      temperature: 0,
      precision: 'fp32',
      request_id: 'chat-17',
      session_id: null,
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      text: 'ABCD',
      tokens: 4,
      input_tokens: 5,
      backend: 'distributed',
      pipeline: [worker],
      model_id: MODEL,
      request_id: 'chat-17',
      latency_ms: expect.any(Number) as number,
      confirmed_at: expect.stringMatching(/Z$/) as string,
    });
    expect(server.calls.map((made) => made.path)).toEqual(['/shard/tokenize', '/shard/forward']);
    expect(server.calls[1]?.body).toMatchObject({ is_first_shard: true, is_last_shard: true, max_new_tokens: 4 });
    const spent = Number(answer.body['gft_deducted']);
    expect(spent).toBeGreaterThan(0);
    const balance = await get(`/tokens/${owner}/balance`);
    expect(balance.body).toMatchObject({ node_id: owner, balance: answer.body['new_balance'], total_spent: spent });
    const history = await get(`/tokens/${owner}/history?limit=10`);
    const entries = history.body['entries'] as Json[];
    expect(entries.map((entry) => entry['event_type'])).toEqual(['purchase', 'redemption']);
    expect(entries[1]).toMatchObject({
      id: answer.body['ledger_ref'],
      amount: -spent,
      inference_request_id: 'chat-17',
    });
    const earned = (await get(`/tokens/${worker}/history`)).body['entries'] as Json[];
    expect(earned[1]).toMatchObject({ event_type: 'issuance', flops_delivered: entries[1]?.['flops_consumed'] });
    const verified = await get('/tokens/ledger/verify');
    expect(verified.body).toMatchObject({ chain_valid: true, total_entries: 4 });
    const audit = await get('/tokens/ledger/audit?limit=2');
    expect((audit.body['entries'] as Json[]).length).toBe(2);
    const again = await post('/inference/generate', {
      node_id: owner,
      model_id: MODEL,
      prompt: 'x',
      request_id: 'chat-17',
    });
    expect(again.status).toBe(409);
  });

  it('links the ledger by hashes that anybody can recompute', async () => {
    await registerNode('key-a');
    await registerNode('key-b');
    const audit = await get('/tokens/ledger/audit');
    let previous = '0'.repeat(64);
    for (const entry of audit.body['entries'] as Json[]) {
      expect(entry['previous_hash']).toBe(previous);
      const sorted = Object.keys(entry)
        .filter((key) => key !== 'entry_hash')
        .sort();
      // All values are flat, so canonical JSON is sorted keys without spaces.
      const canonical = `{${sorted.map((key) => `${JSON.stringify(key)}:${JSON.stringify(entry[key])}`).join(',')}}`;
      previous = createHash('sha256').update(canonical).digest('hex');
      expect(entry['entry_hash']).toBe(previous);
    }
  });

  it.each([{ flat: false }, { flat: true }])(
    'runs two foreign nodes over a growing sequence (%o)',
    async ({ flat }) => {
      const [a, b] = [await registerNode('key-a'), await registerNode('key-b')];
      const [first, last] = [await shardServer({ flat }), await shardServer()];
      await post('/inference/shards/register', shard(a, 0, 2, first.port));
      await post('/inference/shards/register', shard(b, 3, 7, last.port));
      const answer = await post('/inference/generate', {
        node_id: a,
        model_id: MODEL,
        prompt: 'hello',
        max_new_tokens: 3,
      });
      expect(answer.body).toMatchObject({ text: 'ABC', tokens: 3, input_tokens: 5, pipeline: [a, b] });
      const lengths = first.calls.slice(1).map((made) => (made.body['input_ids'] as number[]).length);
      expect(lengths).toEqual([5, 6, 7]);
      const rows = last.calls.map((made) => (made.body['activations'] as number[][][])[0]?.length);
      expect(rows).toEqual([5, 6, 7]);
      expect((await get(`/tokens/${b}/history`)).body['total_entries']).toBe(2);
    },
  );

  it.each<[string, [number, number][]]>([
    ['one node that holds every layer', [[0, 7]]],
    [
      'two nodes',
      [
        [0, 2],
        [3, 7],
      ],
    ],
  ])('cuts what %s wrote behind a stop string', async (_name, ranges) => {
    const id = await registerNode('key-a');
    for (const [index, [first, last]] of ranges.entries()) {
      const worker = await registerNode(`key-${index + 1}`);
      await post('/inference/shards/register', shard(worker, first, last, (await shardServer()).port));
    }
    const answer = await post('/inference/generate', {
      node_id: id,
      model_id: MODEL,
      prompt: 'hello',
      max_new_tokens: 6,
      sampling: { temperature: 0, top_k: 0, top_p: 1, stop: ['CD'] },
    });
    expect(answer.body).toMatchObject({ text: 'AB', finish_reason: 'stop' });
  });

  it('refuses what cannot be answered, without a charge', async () => {
    const id = await registerNode('key-a');
    const body = { node_id: id, model_id: MODEL, prompt: 'hello', max_new_tokens: 4 };
    const none = await post('/inference/generate', body);
    expect(none.status).toBe(503);
    expect(String(none.body['detail'])).toContain('online');
    expect((await post('/inference/generate', { ...body, force_backend: 'fallback' })).status).toBe(503);
    expect((await post('/inference/generate', { ...body, node_id: 'nobody' })).status).toBe(404);
    expect((await post('/inference/generate', { ...body, model_id: 'org/other' })).status).toBe(404);
    const html = await shardServer({ html: true });
    await post('/inference/shards/register', shard(id, 0, 7, html.port));
    const failed = await post('/inference/generate', body);
    expect(failed.status).toBe(503);
    expect(String(failed.body['detail'])).toContain(id);
    expect(String(failed.body['detail'])).toContain('text/html');
    expect((await get(`/tokens/${id}/balance`)).body['balance']).toBe(10);
  });

  it('lets a wrong shape count against the node that sent it', async () => {
    const [a, b] = [await registerNode('key-a'), await registerNode('key-b')];
    const wrong = await shardServer({
      answer: (path) => (path === '/shard/forward' ? { activations: [[[1, 2, 3]]] } : undefined),
    });
    const last = await shardServer();
    await post('/inference/shards/register', shard(a, 0, 3, wrong.port));
    await post('/inference/shards/register', shard(b, 4, 7, last.port));
    const answer = await post('/inference/generate', {
      node_id: b,
      model_id: MODEL,
      prompt: 'hello',
      max_new_tokens: 2,
    });
    expect(answer.status).toBe(503);
    expect(String(answer.body['detail'])).toContain(a);
    expect(Number((await get(`/nodes/${a}`)).body['reliability_factor'])).toBe(0.5);
    expect((await get(`/nodes/${b}`)).body['reliability_factor']).toBe(1);
    expect((await get(`/tasks/node/${a}/stats`)).body['challenges_total']).toBe(0);
  });

  it('redeems directly', async () => {
    const id = await registerNode('key-a');
    const body = { node_id: id, model_id: MODEL, output_tokens: 100, precision: 'int8', inference_request_id: 'r-1' };
    const estimate = await get(`/tokens/cost/estimate?model_id=${MODEL}&output_tokens=100&precision=int8`);
    const redeemed = await post('/tokens/redeem', body);
    expect(redeemed.body).toEqual({
      success: true,
      gft_deducted: estimate.body['total_gft_cost'],
      new_balance: 10 - Number(estimate.body['total_gft_cost']),
      ledger_entry_id: expect.any(String) as string,
    });
    expect((await post('/tokens/redeem', body)).body).toEqual(redeemed.body);
    expect((await post('/tokens/redeem', { ...body, output_tokens: 101 })).status).toBe(409);
    expect((await post('/tokens/redeem', { ...body, precision: 'fp99' })).status).toBe(422);
  });
});

describe('the HTTP table without a token economy', () => {
  beforeAll(async () => {
    target = await startTestCoordinator({ tokenEconomy: false });
    callAt(target.url);
  });
  afterAll(async () => {
    await target.coordinator.stop();
    for (const server of servers) server.close();
  });

  it('answers 503 on every token call, before it looks at the body', async () => {
    for (const path of [
      '/tokens/x/balance',
      '/tokens/x/history',
      '/tokens/cost/estimate',
      '/tokens/ledger/verify',
      '/tokens/ledger/audit',
    ]) {
      expect({ path, status: (await get(path)).status }).toEqual({ path, status: 503 });
    }
    expect((await post('/tokens/redeem', { nonsense: true })).status).toBe(503);
    expect((await get('/')).body['token_mode']).toBe('disabled');
  });

  it('serves without charging', async () => {
    const id = await registerNode('key-a');
    const server = await shardServer();
    await post('/inference/shards/register', shard(id, 0, 7, server.port));
    const answer = await post('/inference/generate', { node_id: id, model_id: MODEL, prompt: 'hi', max_new_tokens: 2 });
    expect(answer.body).toMatchObject({
      text: 'AB',
      gft_deducted: 0,
      new_balance: 0,
      ledger_ref: '',
      confirmed_at: '',
    });
    expect((await get('/health')).body).toMatchObject({ ledger_entries: 0, total_supply: 0 });
  });
});
