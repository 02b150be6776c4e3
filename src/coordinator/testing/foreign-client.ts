import { createHash } from 'node:crypto';
import { expect } from 'vitest';

/*
 * A client of the HTTP table of tore-0001 as somebody else would write it: from the table, without our functions.
 */

export const MODEL = 'org/test-model';

let address = '';

/** The coordinator that the calls below go to. */
export function callAt(url: string): void {
  address = url;
}

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** Announces JSON on every request, also without a body, as foreign clients do. */
export async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(address + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  return { status: response.status, body: (await response.json()) as Json };
}

export const get = (path: string): Promise<Answer> => call('GET', path);
export const post = (path: string, body?: unknown): Promise<Answer> => call('POST', path, body);

export function registration(key: string, scores: Json = {}): Json {
  return {
    public_key: key,
    hardware_profile: {
      gpu_model: null,
      gpu_memory_gb: 0,
      cpu_model: 'Test CPU',
      cpu_cores: 4,
      ram_gb: 16.0,
      matmul_score: 0.4,
      memory_score: 0.4,
      latency_score: 0.4,
      fingerprint: `machine-of-${key}`,
      ...scores,
    },
    protocol_version: '0.1',
  };
}

export async function registerNode(key: string): Promise<string> {
  const answer = await post('/nodes/register', registration(key));
  expect(answer.status).toBe(201);
  return String(answer.body['id']);
}

/** A shard body without `transports`, as foreign clients send it. */
export function shard(nodeId: string, start: number, end: number, port = 9_999): Json {
  return {
    node_id: nodeId,
    model_id: MODEL,
    layer_start: start,
    layer_end: end,
    vram_gb: 4,
    region: 'US-NY',
    host: '127.0.0.1',
    port,
  };
}

/** The baseline's bytes, put together by hand. */
export function challengeAnswer(task: Json): string {
  const prompt = JSON.stringify((task['payload'] as Json)['prompt']).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const text =
    `{"layer_end": ${String(task['layer_end'])}, "layer_start": ${String(task['layer_start'])}, ` +
    `"model_id": "${String(task['model_id'])}", "prompt": ${prompt}, "temperature": 0.0}`;
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Asks for a challenge until the next one is due, and answers it. */
export async function answerChallenge(nodeId: string, right: boolean): Promise<Answer> {
  let task = await post(`/tasks/dispatch/${nodeId}`);
  while (task.status === 429) task = await post(`/tasks/dispatch/${nodeId}`);
  expect(task.status).toBe(200);
  return post('/tasks/result', {
    task_id: task.body['task_id'],
    node_id: nodeId,
    result_hash: right ? challengeAnswer(task.body) : 'f'.repeat(64),
    flops_delivered: 12.5,
    execution_time_ms: 3,
  });
}
