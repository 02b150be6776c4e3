import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Json;
}

/** The SHA-256 a baseline coordinator expects: Python's `json.dumps(..., sort_keys=True)` written out by hand. */
export function expectedChallengeHash(task: {
  prompt: string;
  model_id: string;
  layer_start: number;
  layer_end: number;
}): string {
  const ascii = (text: string): string =>
    `"${[...text]
      .flatMap((character) => [...Array(character.length).keys()].map((index) => character.charCodeAt(index)))
      .map((unit) => {
        if (unit === 34 || unit === 92) return `\\${String.fromCharCode(unit)}`;
        if (unit === 10) return '\\n';
        return unit >= 32 && unit < 127 ? String.fromCharCode(unit) : `\\u${unit.toString(16).padStart(4, '0')}`;
      })
      .join('')}"`;
  const text = `{"layer_end": ${task.layer_end}, "layer_start": ${task.layer_start}, "model_id": ${ascii(task.model_id)}, "prompt": ${ascii(task.prompt)}, "temperature": 0.0}`;
  return createHash('sha256').update(text).digest('hex');
}

/**
 * A coordinator of the HTTP baseline for tests, written from the profile's table alone and with the oddities observed on
 * the wire: mixed time suffixes, nulls, long floats, FastAPI errors, no `/ws`.
 */
export class BaselineCoordinator {
  readonly requests: SeenRequest[] = [];
  readonly nodes = new Map<string, { id: string; publicKey: string; status: string }>();
  /** Registered shards by node id. */
  readonly shards = new Map<string, Json>();
  task: Json | null = null;
  /** What `/tasks/result` answers, with its status. */
  resultAnswer: { status: number; body: Json | string } | null = null;
  balance = 10.799999999999999;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.handle(request).then(({ status, body }) => {
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        response
          .writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' })
          .end(text);
        return undefined;
      });
    });
  }

  static async start(): Promise<BaselineCoordinator> {
    const coordinator = new BaselineCoordinator();
    await new Promise<void>((resolve) => coordinator.server.listen(0, '127.0.0.1', resolve));
    return coordinator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  count(method: string, path: RegExp): number {
    return this.requests.filter((request) => request.method === method && path.test(request.path)).length;
  }

  private async handle(request: IncomingMessage): Promise<{ status: number; body: Json | string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      body: text === '' ? {} : (JSON.parse(text) as Json),
    };
    this.requests.push(seen);
    return this.answer(seen);
  }

  private view(node: { id: string; status: string }): Json {
    return {
      id: node.id,
      hardware_class: 'cpu_only',
      multiplier: '0.1',
      status: node.status,
      reliability_factor: 1,
      token_balance: this.balance,
      registered_at: '2026-01-01T10:00:00.123456',
      availability_start: null,
    };
  }

  private answer({ method, path, body }: SeenRequest): { status: number; body: Json | string } {
    const ok = (value: Json, status = 200): { status: number; body: Json } => ({ status, body: value });
    const notFound = ok({ detail: 'Not Found' }, 404);
    const [, first, second, third, fourth] = path.split('?')[0]?.split('/') ?? [];
    if (path === '/') return ok({ name: 'imece-like', version: '0.9', status: 'running', token_mode: true });
    if (method === 'POST' && path === '/nodes/register') return this.register(body);
    if (first === 'nodes' && second !== undefined) {
      const node = this.nodes.get(second);
      if (node === undefined)
        return /^[0-9a-f-]{36}$/.test(second) ? notFound : { status: 500, body: 'Internal Server Error' };
      if (method === 'GET') return ok(this.view(node));
      if (third === 'heartbeat') return ok({ status: node.status, last_seen: '2026-01-01T10:00:00+00:00' });
    }
    if (path === '/inference/shards/register') {
      this.shards.set(String(body['node_id']), body);
      const layers = `${String(body['layer_start'])}-${String(body['layer_end'])}`;
      return ok({
        shard_id: randomUUID(),
        node_id: body['node_id'],
        model_id: body['model_id'],
        layers,
        layer_count: 1,
      });
    }
    if (path.startsWith('/inference/shards/heartbeat/')) {
      return this.shards.has(fourth ?? '') ? ok({ status: 'ok', node_id: fourth, shards: 1 }) : notFound;
    }
    if (method === 'DELETE' && first === 'inference') {
      this.shards.delete(third ?? '');
      return ok({ status: 'ok' });
    }
    if (first === 'tasks' && second === 'dispatch') {
      return this.task === null ? ok({ detail: 'Node has no active shard' }, 400) : ok(this.task);
    }
    if (path === '/tasks/result') return this.judge(body);
    if (first === 'tokens' && third === 'balance') {
      return ok({ node_id: second, balance: this.balance, total_earned: null, total_spent: 0 });
    }
    if (path === '/inference/generate') {
      return ok({
        text: `echo ${String(body['prompt'])}`,
        tokens: 3,
        input_tokens: 2,
        gft_deducted: 0.30000000000000004,
        new_balance: null,
        backend: 'distributed',
        pipeline: ['node-a'],
        latency_ms: 1.5,
        model_id: body['model_id'],
        ledger_ref: null,
        confirmed_at: '2026-01-01T10:00:00.5+00:00',
        request_id: null,
      });
    }
    return notFound;
  }

  private register(body: Json): { status: number; body: Json } {
    const publicKey = String(body['public_key']);
    const profile = body['hardware_profile'] as Json | undefined;
    const missing = [
      'cpu_model',
      'cpu_cores',
      'ram_gb',
      'matmul_score',
      'memory_score',
      'latency_score',
      'fingerprint',
    ].filter((field) => profile?.[field] === undefined);
    if (missing.length > 0) {
      const detail = missing.map((field) => ({
        type: 'missing',
        loc: ['body', 'hardware_profile', field],
        msg: 'Field required',
        input: profile,
      }));
      return { status: 422, body: { detail } };
    }
    if ([...this.nodes.values()].some((node) => node.publicKey === publicKey)) {
      return { status: 409, body: { detail: 'Node with this public key already registered' } };
    }
    const node = { id: randomUUID(), publicKey, status: 'active' };
    this.nodes.set(node.id, node);
    return { status: 201, body: this.view(node) };
  }

  private judge(body: Json): { status: number; body: Json | string } {
    if (this.resultAnswer !== null) return this.resultAnswer;
    const task = this.task as unknown as Parameters<typeof expectedChallengeHash>[0] & { payload: { prompt: string } };
    const passed = body['result_hash'] === expectedChallengeHash({ ...task, prompt: task.payload.prompt });
    return { status: 200, body: { status: 'active', passed, reliability: null, redundancy_siblings: null } };
  }
}
