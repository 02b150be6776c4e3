// Both headless programs as they are shipped: a coordinator and two nodes in processes of their own, asked over HTTP.
import { expect, test } from '@playwright/test';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import OpenAI, { AuthenticationError } from 'openai';
import { goldenCase, READY_TIMEOUT_MS } from './actions';
import { HEADLESS_TOKEN, startCoordinator } from './headless-coordinator';
import { startHeadlessNode, type HeadlessNode } from './headless-node';

const projectDirectory = resolve(import.meta.dirname, '..');
const accessToken = HEADLESS_TOKEN;
const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };

/** Makes a key for the local endpoint of the node in `dataFolder`, as its owner would. */
async function makeApiKey(dataFolder: string): Promise<string> {
  const program = resolve(projectDirectory, 'out/main/tore-node.js');
  const args = [program, '--new-api-key=editor', `--data-folder=${dataFolder}`];
  return (await promisify(execFile)(process.execPath, args)).stdout.trim();
}

/** The stock client of OpenAI's API against a node's own endpoint: list, chat, stream, stop, wrong key, no balance. */
async function checkLocalEndpoint(baseURL: string, apiKey: string): Promise<void> {
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  expect((await client.models.list()).data.map(({ id }) => id)).toContain('tore-tiny');
  const golden = await goldenCase('Who are you?');
  const messages = golden.messages.map(({ content }) => ({ role: 'user' as const, content }));
  const question = { model: 'tore-tiny', messages, temperature: 0, max_tokens: 60 };

  const answer = await client.chat.completions.create(question);
  expect(answer.choices[0]).toMatchObject({ message: { content: golden.greedy_text }, finish_reason: 'stop' });
  expect(answer.usage).toMatchObject({ tore_cost: { unit: 'GFT', amount: expect.any(Number) } });

  let streamed = '';
  for await (const event of await client.chat.completions.create({ ...question, stream: true })) {
    streamed += event.choices[0]?.delta.content ?? '';
  }
  expect(streamed).toBe(golden.greedy_text);

  const [firstWord = ''] = golden.greedy_text.split(' ');
  const stopped = await client.chat.completions.create({ ...question, stop: [' '] });
  expect(stopped.choices[0]?.message.content?.trim()).toBe(firstWord);

  await expect(new OpenAI({ baseURL, apiKey: 'tore-wrong', maxRetries: 0 }).models.list()).rejects.toThrow(
    AuthenticationError,
  );
  // The price of a whole context is set aside for each before it begins: the grant covers one of them, not three.
  const costly = { ...question, max_tokens: 511 };
  const answers = await Promise.allSettled([1, 2, 3].map(() => client.chat.completions.create(costly)));
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const answer of answers) {
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ status: 402, code: 'insufficient_quota' });
  }
}

test('a coordinator and two nodes without any window answer, pay and stop in order', async () => {
  test.setTimeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-headless-'));
  const nodes: HeadlessNode[] = [];
  const coordinator = await startCoordinator(folder);
  const read = async (path: string): Promise<Record<string, unknown>> => {
    const response = await fetch(new URL(path, coordinator.url), { headers });
    return (await response.json()) as Record<string, unknown>;
  };
  try {
    expect((await fetch(new URL('/inference/models', coordinator.url))).status, 'without the token').toBe(401);
    // One machine has one opening grant, so the node that comes first is the one that asks.
    const apiKey = await makeApiKey(join(folder, 'first'));
    const asking = ['--layers', '0-2', '--api-port', '0'];
    nodes.push(startHeadlessNode({ url: coordinator.url, accessToken }, join(folder, 'first'), asking));
    await expect
      .poll(async () => (await read('/inference/pipeline/tore-tiny'))['layers_covered'], { timeout: READY_TIMEOUT_MS })
      .toBe(3);
    nodes.push(startHeadlessNode({ url: coordinator.url, accessToken }, join(folder, 'second')));
    await expect
      .poll(async () => (await read('/inference/pipeline/tore-tiny'))['available'], { timeout: READY_TIMEOUT_MS })
      .toBe(true);

    const registry = JSON.stringify(await read('/inference/shards/registry'));
    const nodeId = /"node_id":"([^"]+)"/.exec(registry)?.[1];
    const golden = await goldenCase('Who are you?');
    const response = await fetch(new URL('/inference/generate', coordinator.url), {
      method: 'POST',
      headers,
      body: JSON.stringify({
        node_id: nodeId,
        model_id: 'tore-tiny',
        messages: golden.messages,
        prompt: '',
        max_new_tokens: 160,
        temperature: 0,
      }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    expect(response.status, JSON.stringify(answer)).toBe(200);
    expect(answer).toMatchObject({ text: golden.greedy_text, model_id: 'tore-tiny' });
    expect(answer['pipeline']).toHaveLength(2);
    expect(answer['gft_deducted']).toBeGreaterThan(0);
    const endpoint = /"baseUrl":"([^"]+)"/.exec(nodes[0]?.output.join('') ?? '')?.[1];
    await checkLocalEndpoint(endpoint ?? '', apiKey);
    expect(await read('/health')).toMatchObject({ status: 'healthy', ledger_valid: true });

    const ended = once(coordinator.process, 'exit');
    coordinator.process.kill('SIGTERM');
    expect(await ended, 'ends in order').toEqual([0, null]);
  } catch (thrown) {
    await test.info().attach('output of the nodes', { body: nodes.map((node) => node.output.join('')).join('\n\n') });
    throw thrown;
  } finally {
    for (const node of nodes) await node.kill();
    coordinator.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
