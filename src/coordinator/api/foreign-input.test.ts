import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registration, shard } from '../testing/foreign-client';
import { signatureHeaders, type SignOptions } from '../testing/foreign-signature';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, type TestKey } from '../testing/ws-node';

/*
 * Every described route, asked by a stranger, by another member, by its owner, twice with one signature, and with the
 * signature of another request. Who may do what is written down here a second time, so that a route which lets somebody
 * in by mistake, or is new and was not thought about, is found.
 */

type Json = Record<string, unknown>;

/** Who a route answers under the policy `keyed`. */
type Who =
  | 'anyone'
  /** Whoever proves a key. */
  | 'member'
  /** Whoever shows a signed object that lets them in; nothing is shown here. */
  | 'shown'
  /** The key of the node the call is about. */
  | 'owner'
  /** A participant of the session; for everybody else there is none. */
  | 'participant'
  | 'administrator';

const WHO: Readonly<Record<string, Who>> = {
  'GET /ws': 'anyone',
  'GET /': 'anyone',
  'GET /health': 'anyone',
  'GET /access': 'anyone',
  'GET /access/me': 'anyone',
  'POST /access/join': 'anyone',
  'POST /access/session': 'member',
  'DELETE /access/session': 'anyone',
  'POST /access/agreements': 'shown',
  'POST /access/agreements/terminations': 'anyone',
  'GET /admin/nodes': 'administrator',
  'POST /admin/nodes/{id}/release': 'administrator',
  'POST /admin/nodes/{id}/suspend': 'administrator',
  'POST /admin/nodes/{id}/penalty': 'administrator',
  'GET /admin/policy': 'administrator',
  'POST /admin/policy/check': 'administrator',
  'GET /admin/requests': 'administrator',
  'GET /admin/challenges': 'administrator',
  'GET /admin/invitations': 'administrator',
  'POST /admin/invitations': 'administrator',
  'DELETE /admin/invitations/{id}': 'administrator',
  'GET /admin/members': 'administrator',
  'PUT /admin/members/{key}': 'administrator',
  'DELETE /admin/members/{key}': 'administrator',
  'GET /admin/notices': 'administrator',
  'POST /admin/notices': 'administrator',
  'DELETE /admin/notices/{id}': 'administrator',
  'GET /admin/federation': 'administrator',
  'POST /admin/federation/peers/{name}/cut': 'administrator',
  'POST /admin/federation/peers/{name}/resume': 'administrator',
  'GET /admin/federation/peers/{name}/statements': 'administrator',
  'POST /admin/federation/peers/{name}/reconcile': 'administrator',
  'POST /nodes/register': 'member',
  'GET /nodes/{id}': 'member',
  'DELETE /nodes/{id}': 'owner',
  'POST /nodes/{id}/heartbeat': 'owner',
  'POST /nodes/{id}/hardware-update': 'owner',
  'POST /nodes/{id}/unsuspend': 'owner',
  'POST /inference/shards/register': 'owner',
  'POST /inference/shards/heartbeat/{node_id}': 'owner',
  'DELETE /inference/shards/{node_id}': 'owner',
  'GET /inference/shards/node/{node_id}': 'member',
  'GET /inference/shards/registry': 'member',
  'GET /inference/models': 'member',
  'GET /inference/pipeline/{*}': 'member',
  'GET /inference/suggest/{*}': 'member',
  'GET /inference/cost/estimate': 'member',
  'GET /inference/models/files/{hash}/{*}': 'member',
  'GET /inference/queue': 'member',
  'POST /inference/generate': 'owner',
  'POST /tasks/dispatch/{id}': 'owner',
  'POST /tasks/result': 'owner',
  'GET /tasks/{id}': 'member',
  'GET /tasks/node/{id}/stats': 'member',
  'GET /discovery': 'anyone',
  'GET /discovery/records': 'anyone',
  'POST /discovery/records': 'anyone',
  'GET /discovery/records/{id}': 'anyone',
  'POST /discovery/withdrawals': 'anyone',
  'GET /discovery/parties/{node_id}/key-links': 'anyone',
  'POST /handshakes/messages': 'anyone',
  'POST /handshakes/inbox': 'anyone',
  'GET /sessions': 'member',
  'GET /sessions/{id}': 'participant',
  'GET /grid/states': 'member',
  'GET /grid/score/{region}': 'member',
  'POST /grid/states/update': 'administrator',
  'POST /grid/nodes/{id}/region': 'owner',
  'GET /grid/nodes/{id}/score': 'member',
  'GET /grid/select': 'member',
  'GET /tokens/{id}/balance': 'owner',
  'GET /tokens/{id}/history': 'owner',
  'POST /tokens/redeem': 'owner',
  'GET /tokens/cost/estimate': 'member',
  'GET /tokens/{id}/export': 'owner',
  'GET /tokens/ledger/export': 'administrator',
  'GET /tokens/ledger/checkpoints': 'anyone',
  'GET /tokens/ledger/checkpoints/latest': 'anyone',
  'GET /tokens/ledger/verify': 'member',
  'GET /tokens/ledger/audit': 'member',
};

const MODEL = 'org/test-model';
const ADMINISTRATOR_TOKEN = 'administrator-token-of-the-tests';
/** What refuses a caller as such; anything else is about what was asked. */
const TURNED_AWAY = [401, 403];

let target: TestCoordinator;
let owner: TestKey;
let other: TestKey;
let ownersNode: string;
let ownersSession: string;
const sockets: { drop(): void }[] = [];

beforeEach(async () => {
  target = await startTestCoordinator({
    apiPage: true,
    accessPolicy: 'keyed',
    administratorToken: ADMINISTRATOR_TOKEN,
  });
  owner = newTestKey();
  other = newTestKey();
  ownersNode = await registered(owner);
  await registered(other);
  const host = await SessionClient.connect(target.url, 'Ada', owner);
  sockets.push(host);
  ownersSession = await host.create();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.drop();
  await target.coordinator.stop();
});

async function registered(key: TestKey): Promise<string> {
  const answer = await send('POST', '/nodes/register', registration(key.publicKey), key);
  expect(answer.status).toBe(201);
  return String(answer.json['id']);
}

interface Answer {
  readonly status: number;
  readonly json: Json;
}

async function raw(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(target.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, json: isJson && text.startsWith('{') ? (JSON.parse(text) as Json) : {} };
}

const proofOf = (key: TestKey, method: string, path: string, body: unknown): Record<string, string> =>
  signatureHeaders(key, method, path, body === undefined ? '' : JSON.stringify(body), {
    coordinatorId: target.coordinatorId,
  });

const send = (method: string, path: string, body?: unknown, key?: TestKey): Promise<Answer> =>
  raw(method, path, body, key === undefined ? {} : proofOf(key, method, path, body));

interface Route {
  readonly name: string;
  readonly method: string;
  /** With the ids of what belongs to the owner. */
  readonly path: string;
  readonly body: unknown;
  readonly who: Who;
}

/** Bodies that name the owner's node, for the routes that read it there. */
const bodies = (): Readonly<Record<string, unknown>> => ({
  'POST /nodes/register': registration(owner.publicKey),
  'POST /nodes/{id}/hardware-update': registration(owner.publicKey, { ram_gb: 64 }),
  'POST /inference/shards/register': shard(ownersNode, 0, 3),
  'POST /inference/generate': { node_id: ownersNode, model_id: MODEL, prompt: 'hello' },
  'POST /tasks/result': {
    task_id: randomUUID(),
    node_id: ownersNode,
    result_hash: 'f'.repeat(64),
    flops_delivered: 1,
    execution_time_ms: 1,
  },
  'POST /tokens/redeem': { node_id: ownersNode, model_id: MODEL, output_tokens: 1, inference_request_id: 'r' },
});

async function routes(): Promise<Route[]> {
  const answer = await fetch(`${target.url}/docs/json`);
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, { requestBody?: unknown }>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([verb, { requestBody }]): Route => {
      const method = verb.toUpperCase();
      const name = `${method} ${path}`;
      const id = name === 'GET /sessions/{id}' ? ownersSession : ownersNode;
      const filled = path
        .replace(/\{(id|node_id)\}/, id)
        .replace('{key}', encodeURIComponent(owner.publicKey))
        .replaceAll(/\{[^}]*\}/g, 'x');
      const body = bodies()[name] ?? (requestBody === undefined ? undefined : {});
      const query = name === 'POST /grid/nodes/{id}/region' ? '?region=DE' : '';
      return { name, method, path: filled + query, body, who: WHO[name] ?? 'administrator' };
    }),
  );
}

/** Those that can be asked like any other; the WebSocket proves its key after the upgrade. */
const askable = async (): Promise<Route[]> => (await routes()).filter(({ name }) => name !== 'GET /ws');

/** One fact of every route, by its name, so that a failure shows all that are wrong. */
async function answersOf<Fact>(
  all: readonly Route[],
  look: (route: Route) => Promise<Fact>,
): Promise<Record<string, Fact>> {
  const found: Record<string, Fact> = {};
  for (const route of all) found[route.name] = await look(route);
  return found;
}

const expectedOf = <Fact>(all: readonly Route[], fact: (route: Route) => Fact): Record<string, Fact> =>
  Object.fromEntries(all.map((route) => [route.name, fact(route)]));

describe('every described route', () => {
  it('is one whose callers are written down', async () => {
    expect((await routes()).map(({ name }) => name).sort()).toEqual(Object.keys(WHO).sort());
  });

  it('answers a stranger only where anybody may ask', async () => {
    const all = await askable();
    const refused = await answersOf(all, async ({ method, path, body }) => {
      const { status, json } = await send(method, path, body);
      if (status === 401) expect(typeof json['detail']).toBe('string');
      return status === 401;
    });
    expect(refused).toEqual(expectedOf(all, ({ who }) => who !== 'anyone' && who !== 'shown'));
  });

  it('refuses a member what belongs to another, and changes nothing of it', async () => {
    const before = await send('GET', `/nodes/${ownersNode}`, undefined, owner);
    const all = await askable();
    const answers = await answersOf(all, async ({ method, path, body }) => {
      const { status, json } = await send(method, path, body, other);
      if (status >= 400) expect(typeof json['detail'] === 'string' || Array.isArray(json['detail'])).toBe(true);
      return TURNED_AWAY.includes(status) || status === 404 ? status : 'heard';
    });
    const expected = expectedOf(all, ({ name, who }) => {
      if (who === 'participant') return 404;
      // A key registers itself and no other.
      const isHeard = (who === 'anyone' || who === 'member') && name !== 'POST /nodes/register';
      return isHeard ? 'heard' : 403;
    });
    // What is not there at all is not there for anybody who may ask.
    const isMissing = ([name, status]: [string, unknown]): boolean => status === 404 && expected[name] === 'heard';
    const found = Object.entries(answers).map((entry) => [entry[0], isMissing(entry) ? 'heard' : entry[1]]);
    expect(Object.fromEntries(found)).toEqual(expected);
    const after = await send('GET', `/nodes/${ownersNode}`, undefined, owner);
    expect({ ...after.json, last_seen: null }).toEqual({ ...before.json, last_seen: null });
  });

  it('lets its owner in, so that it refused the others for being others', async () => {
    const all = (await askable()).filter(
      ({ who, method }) => who !== 'administrator' && who !== 'shown' && method !== 'DELETE',
    );
    const refused = await answersOf(all, async ({ method, path, body }) =>
      TURNED_AWAY.includes((await send(method, path, body, owner)).status),
    );
    expect(refused).toEqual(expectedOf(all, () => false));
  });

  it('takes one signature once', async () => {
    const all = await askable();
    const second = await answersOf(all, async ({ method, path, body }) => {
      const headers = proofOf(other, method, path, body);
      await raw(method, path, body, headers);
      return (await raw(method, path, body, headers)).status;
    });
    expect(second).toEqual(expectedOf(all, () => 401));
  });

  it('takes no signature of another call, another body, another coordinator or another hour', async () => {
    const all = await askable();
    const statuses = await answersOf(all, async ({ method, path, body }) => {
      const proof = (more: Partial<SignOptions>, signedPath = path): Record<string, string> =>
        signatureHeaders(owner, method, signedPath, body === undefined ? '' : JSON.stringify(body), {
          coordinatorId: target.coordinatorId,
          ...more,
        });
      const proofs = [
        proof({}, `${path}x`),
        proof({ coordinatorId: randomUUID() }),
        proof({ timeMs: Date.now() - 3_600_000 }),
        ...(body === undefined ? [] : [proof({ signedBody: '{"another": true}' })]),
      ];
      const found = await Promise.all(proofs.map((headers) => raw(method, path, body, headers)));
      return [...new Set(found.map(({ status }) => status))];
    });
    expect(statuses).toEqual(expectedOf(all, () => [401]));
  });
});
