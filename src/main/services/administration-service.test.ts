import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorChoice } from '../../contract/settings';
import type { EmbeddedCoordinatorState } from '../../contract/snapshot';
import { success } from '../../protocol/result';
import { AdministrationService } from './administration-service';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string;
  readonly body: unknown;
}

let server: Server;
let url: string;
let seen: Seen[];
let answer: { status: number; json: unknown };
/** Answers of single paths; every other path gets `answer`. */
let answers: Map<string, unknown>;
let choice: CoordinatorChoice;
let state: EmbeddedCoordinatorState;
let secrets: Map<string, string>;
let service: AdministrationService;

beforeEach(async () => {
  seen = [];
  answer = { status: 200, json: { requests: [], waiting: 0 } };
  answers = new Map();
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString('utf8');
    seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body: text === '' ? null : JSON.parse(text),
    });
    response
      .writeHead(answer.status, { 'content-type': 'application/json' })
      .end(JSON.stringify(answers.get(request.url ?? '') ?? answer.json));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  choice = { kind: 'embedded' };
  state = { kind: 'running', url };
  secrets = new Map();
  service = new AdministrationService({
    choice: () => choice,
    embedded: () => state,
    embeddedToken: 'embedded-token',
    ownNodeId: () => 'own',
    vault: {
      has: (name) => secrets.has(name),
      read: (name) => success(secrets.get(name) ?? null),
      write: async (name, value) => {
        secrets.set(name, value);
        return success(undefined);
      },
      remove: async (name) => {
        secrets.delete(name);
        return success(undefined);
      },
    },
    now: () => Date.parse('2026-01-01T00:00:00Z'),
  });
});
afterEach(() => server.close());

describe('the embedded coordinator', () => {
  it('is administered with the token of this run', async () => {
    expect(service.view()).toEqual({ target: 'embedded', url, hasToken: true });
    expect(await service.requests()).toEqual({ ok: true, value: { requests: [], waiting: 0 } });
    expect(seen).toEqual([
      { method: 'GET', url: '/admin/requests', authorization: 'Bearer embedded-token', body: null },
    ]);
  });

  it('says that it is not running', async () => {
    state = { kind: 'starting' };
    expect(await service.requests()).toMatchObject({ ok: false, error: { retryable: true } });
    expect(seen).toEqual([]);
  });

  it('is told who is invited until when, and which node is suspended why', async () => {
    answer = { status: 200, json: { status: 'suspended' } };
    expect(await service.suspend('node/1', 'wrong answers')).toEqual({ ok: true, value: null });
    await service.invite({ note: 'lab', maxUses: 3, days: 2 });
    expect(seen).toMatchObject([
      { method: 'POST', url: '/admin/nodes/node%2F1/suspend', body: { reason: 'wrong answers' } },
      {
        method: 'POST',
        url: '/admin/invitations',
        body: { note: 'lab', max_uses: 3, expires_at: '2026-01-03T00:00:00.000Z' },
      },
    ]);
  });

  it('refuses a policy that is no JSON before asking anybody', async () => {
    expect(await service.checkPolicy('{')).toMatchObject({ ok: false, error: { code: 'payload-invalid' } });
    expect(seen).toEqual([]);
  });

  it('shows the layers of every model from all shards, however many nodes there are', async () => {
    const shard = (node_id: string, model_id: string, layer_start: number, layer_end: number) => ({
      node_id,
      model_id,
      layer_start,
      layer_end,
    });
    answers.set('/inference/models', {
      models: [
        { model_id: 'tiny', friendly_name: 'Tiny', total_layers: 3, pipeline_available: true },
        { model_id: 'large', total_layers: 2 },
      ],
    });
    answers.set('/inference/shards/registry', {
      shards: [
        shard('own', 'tiny', 0, 1),
        shard('b', 'tiny', 1, 2),
        { ...shard('c', 'tiny', 0, 2), is_online: false },
        shard('b', 'large', 0, 0),
      ],
    });
    const coverage = await service.coverage();
    if (!coverage.ok) throw new Error(coverage.error.message);
    const drawn = coverage.value.map(({ friendlyName, available, layers }) => [
      friendlyName,
      available,
      layers.map(({ holder, holders }) => `${holder} ${holders}`),
    ]);
    expect(drawn).toEqual([
      ['Tiny', true, ['mine 1', 'mine 2', 'others 1']],
      ['large', false, ['others 1', 'missing 0']],
    ]);
  });

  it.each([
    [403, { detail: 'no' }, 'not-administrator'],
    [401, {}, 'not-administrator'],
    [400, { detail: 'A node of that id is unknown.' }, 'coordinator-refused'],
    [200, { requests: 'many' }, 'answer-invalid'],
  ])('explains the answer %i %j', async (status, json, code) => {
    answer = { status, json };
    expect(await service.requests()).toMatchObject({ ok: false, error: { code } });
  });
});

describe('a coordinator that others run', () => {
  beforeEach(() => {
    choice = { kind: 'remote', url };
  });

  it('needs its administrator’s token, which goes to no other address', async () => {
    expect(service.view().hasToken).toBe(false);
    expect(await service.requests()).toMatchObject({ ok: false, error: { code: 'not-administrator' } });
    await service.setToken('remote-token');
    expect(service.view().hasToken).toBe(true);
    await service.requests();
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer remote-token']);
    choice = { kind: 'remote', url: 'http://127.0.0.1:9' };
    expect(service.view().hasToken).toBe(false);
    choice = { kind: 'remote', url };
    await service.setToken(null);
    expect(service.view().hasToken).toBe(false);
  });
});
