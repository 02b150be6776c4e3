import { afterEach, expect, it } from 'vitest';
import { callAt, get, MODEL, post, registerNode, shard } from '../testing/foreign-client';
import { ShardServer } from '../testing/foreign-shard-server';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

/* A thousand requests at once through the door of the HTTP table, as a foreign client makes them. */

const SERVED = 10;
const ASKED = 1_000;
const MICRO = 1_000_000;

let target: TestCoordinator | null = null;
let server: ShardServer | null = null;
afterEach(async () => {
  await target?.coordinator.stop();
  server?.close();
});

async function start(openingGrantMicroGft: number): Promise<{ asker: string; worker: string }> {
  await target?.coordinator.stop();
  // None of them is turned away for want of room: what is left to refuse them is the balance.
  const room = { maxRequests: ASKED, maxRequestsPerNode: 1_000, maxWaitingRequestsPerNode: 0 };
  target = await startTestCoordinator({ openingGrantMicroGft, ...room });
  callAt(target.url);
  const [asker, worker] = [await registerNode('key-a'), await registerNode('key-b')];
  await post('/inference/shards/register', shard(worker, 0, 7, server?.port));
  return { asker, worker };
}

it('serves exactly ten of a thousand requests at once against a balance for ten', async () => {
  // As many tokens as are set aside for the prompt (its bytes and 16), so that a full answer costs exactly that.
  const inputIds = Array.from({ length: 'hello'.length + 16 }, (_, index) => index + 1);
  const tokenized = { input_ids: inputIds, token_count: inputIds.length, node_id: 'n' };
  const tokenize = (path: string): unknown => (path === '/shard/tokenize' ? tokenized : undefined);
  server = await new ShardServer({ answer: tokenize }).listen();
  const question = { model_id: MODEL, prompt: 'hello', max_new_tokens: 20, temperature: 0, precision: 'fp32' };
  const before = await start(10 * MICRO);
  const one = await post('/inference/generate', { ...question, node_id: before.asker });
  expect(one).toMatchObject({ status: 200, body: { tokens: 20, input_tokens: inputIds.length } });
  const price = Math.round(Number(one.body['gft_deducted']) * MICRO);
  expect(price).toBeGreaterThan(0);

  const { asker, worker } = await start(SERVED * price);
  const answers = await Promise.all(
    Array.from({ length: ASKED }, (_, index) =>
      post('/inference/generate', { ...question, node_id: asker, request_id: `r${index}` }),
    ),
  );
  const counts = new Map<number, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({ 200: SERVED, 402: ASKED - SERVED });
  expect((await get(`/tokens/${asker}/balance`)).body).toMatchObject({
    balance: 0,
    total_spent: (SERVED * price) / MICRO,
  });
  // A grant each, and for each answer what was paid and what was earned: nothing of those that were refused.
  expect((await get('/tokens/ledger/verify')).body).toMatchObject({ chain_valid: true, total_entries: 2 + 2 * SERVED });
  expect((await get(`/tokens/${worker}/history?limit=100`)).body['total_entries']).toBe(1 + SERVED);
  const refused = answers.find(({ status }) => status === 402);
  expect(String(refused?.body['detail'])).toMatch(/GFT/);
});
