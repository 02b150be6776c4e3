import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalEngine } from '../../inference/engine/local-engine';
import { expectValue, TORE_TINY } from '../../inference/testdata/tore-tiny';
import { silentLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';
import { createActivationServer } from './activation-server';
import { ForwardGate } from './forward-gate';

const TOKENS = 24;
const MESSAGES = [{ role: 'user', content: 'Why is the sea salty?' }];

const engine = new LocalEngine();
const servers: FastifyInstance[] = [];
let cacheFolder: string;

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-calls-'));
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

type Call = (path: string, body: object) => Promise<Record<string, unknown>>;

async function serve(layer_start: number, layer_end: number): Promise<Call> {
  const range = { layer_start, layer_end };
  const { manifest } = expectValue(await engine.readModel(TORE_TINY));
  const handle = expectValue(
    await engine.loadShard({ folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1e9, providers: ['cpu'] }),
  );
  const shard: ServedShard = { handle, manifest, chosenBy: 'user', deviceReasons: [] };
  const ignore = (): void => undefined;
  const counters = { gate: new ForwardGate(ignore), onStep: ignore, onServed: ignore, onFailed: ignore };
  const host = { nodeId: 'n', shard: () => shard, engine: () => engine, ...counters };
  const server = createActivationServer(host, silentLogger);
  servers.push(server);
  return async (path, body) => (await server.inject({ method: 'POST', url: path, payload: body })).json();
}

it('draws token by token what it draws in one call: same random numbers, penalties and text', async () => {
  const [whole, first, last] = [await serve(0, 7), await serve(0, 3), await serve(4, 7)];
  const { input_ids: prompt } = (await whole('/shard/tokenize', { messages: MESSAGES })) as { input_ids: number[] };
  const settings = { temperature: 2, top_k: 50, top_p: 0.95, seed: 11, frequency_penalty: 2 };
  const draw = { is_last_shard: true, temperature: 0, sampling: settings };
  const body = { input_ids: prompt, is_first_shard: true, max_new_tokens: TOKENS };
  const expected = await whole('/shard/forward', { ...body, ...draw });
  const ids: number[] = [];
  let text = '';
  while (ids.length < TOKENS) {
    const passed = await first('/shard/forward', { input_ids: [...prompt, ...ids], is_first_shard: true });
    const { output_ids, ...answer } = await last('/shard/forward', {
      activations: passed['activations'],
      max_new_tokens: 1,
      answered_ids: ids,
      remaining_tokens: TOKENS - ids.length,
      ...draw,
    });
    ids.push(...(output_ids as number[]));
    text += String(answer['text']);
    if (answer['finish_reason'] === 'stop') break;
  }
  expect({ ids, text }).toEqual({ ids: expected['output_ids'], text: expected['text'] });
  const { output_ids: greedyIds } = await whole('/shard/forward', { ...body, is_last_shard: true, temperature: 0 });
  expect(ids).not.toEqual(greedyIds);
}, 120_000);
