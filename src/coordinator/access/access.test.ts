import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { registration, shard } from '../testing/foreign-client';
import { signatureHeaders, type SignOptions } from '../testing/foreign-signature';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, WsNode, type TestKey } from '../testing/ws-node';

/* A client that signs requests as the documentation has it, without our functions. */

type Json = Record<string, unknown>;
interface Answer {
  readonly status: number;
  readonly body: Json;
}

const ADMINISTRATOR_TOKEN = 'administrator-token-of-the-tests';

let target: TestCoordinator;
const sockets: WsNode[] = [];

afterEach(async () => {
  for (const node of sockets.splice(0)) node.drop();
  await target.coordinator.stop();
});

async function start(options: Parameters<typeof startTestCoordinator>[0]): Promise<void> {
  target = await startTestCoordinator({ administratorToken: ADMINISTRATOR_TOKEN, ...options });
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(target.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

function signed(
  key: TestKey,
  method: string,
  path: string,
  body?: unknown,
  options: Partial<SignOptions> = {},
): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  return call(
    method,
    path,
    body === undefined ? undefined : text,
    signatureHeaders(key, method, path, text, { coordinatorId: target.coordinatorId, ...options }),
  );
}

const admin = (method: string, path: string, body?: unknown): Promise<Answer> =>
  call(method, path, body, { authorization: `Bearer ${ADMINISTRATOR_TOKEN}` });

async function registered(key: TestKey): Promise<string> {
  const answer = await signed(key, 'POST', '/nodes/register', registration(key.publicKey));
  expect(answer.status).toBe(201);
  return String(answer.body['id']);
}

describe('keyed', () => {
  it('wants a signature, says how, and takes one', async () => {
    await start({ accessPolicy: 'keyed' });
    const key = newTestKey();
    const refused = await call('POST', '/nodes/register', registration(key.publicKey));
    expect(refused.status).toBe(401);
    expect(refused.body).toMatchObject({ code: 'identity-required' });
    expect(String(refused.body['detail'])).toContain('Sign every request');
    const id = await registered(key);
    expect((await signed(key, 'POST', `/nodes/${id}/heartbeat`)).status).toBe(200);
    expect((await call('GET', '/access')).body).toMatchObject({
      policy: 'keyed',
      coordinator_id: target.coordinatorId,
    });
    expect((await call('GET', '/health')).status).toBe(200);
  });

  it('takes a key only for the node it registered', async () => {
    await start({ accessPolicy: 'keyed' });
    const [owner, other] = [newTestKey(), newTestKey()];
    const id = await registered(owner);
    const spending = { node_id: id, model_id: 'org/test-model', prompt: 'hello' };
    expect(await signed(other, 'POST', '/inference/generate', spending)).toMatchObject({
      status: 403,
      body: { code: 'owner-only' },
    });
    // The owner comes past the door; that there is no pipeline is another matter.
    expect(await signed(owner, 'POST', '/inference/generate', spending)).toMatchObject({
      status: 503,
      body: { code: 'pipeline-unavailable' },
    });
    expect((await admin('POST', '/inference/generate', spending)).status).toBe(401);
    for (const [method, path, body] of [
      ['POST', `/nodes/${id}/heartbeat`],
      ['DELETE', `/nodes/${id}`],
      ['GET', `/tokens/${id}/balance`],
      ['POST', `/tasks/dispatch/${id}`],
      ['POST', '/inference/shards/register', shard(id, 0, 3)],
      [
        'POST',
        '/tokens/redeem',
        { node_id: id, model_id: 'org/test-model', output_tokens: 1, inference_request_id: 'r' },
      ],
    ] as const) {
      expect(await signed(other, method, path, body), `${method} ${path}`).toMatchObject({ status: 403 });
    }
  });

  it.each<[string, Partial<SignOptions>, string]>([
    ['a body that was changed', { signedBody: '{}' }, 'identity-invalid'],
    ['another coordinator', { coordinatorId: 'elsewhere' }, 'identity-invalid'],
    ['an old signature', { timeMs: Date.now() - 3_600_000 }, 'identity-invalid'],
    ['one from the future', { timeMs: Date.now() + 3_600_000 }, 'identity-invalid'],
    ['a short nonce', { nonce: 'short' }, 'identity-invalid'],
    ['a missing part', { more: { 'x-tore-signature': '' } }, 'identity-invalid'],
  ])('refuses %s', async (_name, options, code) => {
    await start({ accessPolicy: 'keyed' });
    const key = newTestKey();
    const answer = await signed(key, 'POST', '/nodes/register', registration(key.publicKey), options);
    expect(answer).toMatchObject({ status: 401, body: { code } });
  });

  it('takes a signed request once', async () => {
    await start({ accessPolicy: 'keyed' });
    const key = newTestKey();
    const id = await registered(key);
    const path = `/nodes/${id}/heartbeat`;
    const headers = signatureHeaders(key, 'POST', path, '', { coordinatorId: target.coordinatorId });
    expect((await call('POST', path, undefined, headers)).status).toBe(200);
    expect(await call('POST', path, undefined, headers)).toMatchObject({
      status: 401,
      body: { code: 'request-replayed' },
    });
    const other = newTestKey();
    const nonce = headers['x-tore-nonce'] ?? '';
    // A nonce belongs to its key: somebody else cannot burn it.
    expect((await signed(other, 'GET', '/inference/models', undefined, { nonce })).status).toBe(200);
  });

  it('opens a session for a signature and ends it', async () => {
    await start({ accessPolicy: 'keyed' });
    const key = newTestKey();
    const id = await registered(key);
    const opened = await signed(key, 'POST', '/access/session', {});
    expect(opened).toMatchObject({ status: 201, body: { node_id: id, public_key: key.publicKey } });
    const authorization = `Bearer ${String(opened.body['token'])}`;
    expect((await call('POST', `/nodes/${id}/heartbeat`, undefined, { authorization })).status).toBe(200);
    const header = { 'x-tore-session': String(opened.body['token']) };
    expect((await call('GET', '/access/me', undefined, header)).body).toMatchObject({ node_id: id });
    expect((await call('DELETE', '/access/session', undefined, header)).status).toBe(200);
    expect((await call('POST', `/nodes/${id}/heartbeat`, undefined, { authorization })).status).toBe(401);
    expect((await call('POST', '/access/session', {})).body).toMatchObject({ code: 'identity-required' });
  });

  it('counts the calls of a key', async () => {
    await start({ accessPolicy: 'keyed', rateLimitPerMinute: 5 });
    const key = newTestKey();
    const statuses: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      statuses.push((await signed(key, 'GET', '/inference/models')).status);
    }
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  });
});

describe('institution', () => {
  it('turns strangers away with words and lets an invited key in, once per use', async () => {
    await start({ accessPolicy: 'institution', joinInstructions: 'Ask the computing centre.' });
    const [first, second] = [newTestKey(), newTestKey()];
    const refused = await signed(first, 'GET', '/inference/models');
    expect(refused).toMatchObject({ status: 403, body: { code: 'not-a-member' } });
    expect(String(refused.body['detail'])).toContain('Ask the computing centre.');
    const invitation = await admin('POST', '/admin/invitations', { max_uses: 1, note: 'Lab 3' });
    expect(invitation.status).toBe(201);
    const code = String(invitation.body['code']);
    expect(await signed(first, 'POST', '/access/join', { invitation: code })).toMatchObject({
      status: 200,
      body: { roles: ['node', 'user'] },
    });
    expect(await signed(second, 'POST', '/access/join', { invitation: code })).toMatchObject({
      status: 403,
      body: { code: 'invitation-invalid' },
    });
    // Again by the same key: typed twice, or a program that keeps sending it.
    expect((await signed(first, 'POST', '/access/join', { invitation: code.toLowerCase() })).status).toBe(200);
    expect((await signed(first, 'GET', '/inference/models')).status).toBe(200);
    const listed = await admin('GET', '/admin/invitations');
    expect(listed.body).toMatchObject({ invitations: [{ uses: 1, max_uses: 1, note: 'Lab 3' }] });
    expect(JSON.stringify(listed.body)).not.toContain(code);
  });

  it('lets one key in when many redeem a code for one at once', async () => {
    await start({ accessPolicy: 'institution' });
    const { body } = await admin('POST', '/admin/invitations', { max_uses: 1 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => signed(newTestKey(), 'POST', '/access/join', { invitation: body['code'] })),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  });

  it('lets invitations end, by time and by hand, and members be blocked', async () => {
    await start({ accessPolicy: 'institution' });
    const made = await admin('POST', '/admin/invitations', { max_uses: 5, roles: ['user'] });
    const key = newTestKey();
    expect((await signed(key, 'POST', '/access/join', { invitation: made.body['code'] })).body).toMatchObject({
      roles: ['user'],
    });
    expect((await admin('DELETE', `/admin/invitations/${String(made.body['id'])}`)).status).toBe(200);
    expect((await signed(newTestKey(), 'POST', '/access/join', { invitation: made.body['code'] })).status).toBe(403);
    expect((await admin('POST', '/admin/invitations', { expires_at: '2020-01-01T00:00:00Z' })).status).toBe(400);
    const path = `/admin/members/${encodeURIComponent(key.publicKey)}`;
    expect((await admin('PUT', path, { roles: ['user'], state: 'blocked', note: 'left' })).status).toBe(200);
    expect(await signed(key, 'GET', '/inference/models')).toMatchObject({
      status: 403,
      body: { code: 'access-blocked' },
    });
    expect((await admin('DELETE', path)).status).toBe(200);
    expect(await signed(key, 'GET', '/inference/models')).toMatchObject({
      status: 403,
      body: { code: 'not-a-member' },
    });
  });

  it('knows the keys of its configuration', async () => {
    const [member, administrator] = [newTestKey(), newTestKey()];
    await start({
      accessPolicy: 'institution',
      allowedKeys: [member.publicKey],
      administratorKeys: [administrator.publicKey],
    });
    expect((await signed(member, 'GET', '/inference/models')).status).toBe(200);
    expect(await signed(member, 'GET', '/admin/nodes')).toMatchObject({ status: 403, body: { code: 'role-missing' } });
    expect((await signed(administrator, 'GET', '/admin/nodes')).status).toBe(200);
  });

  it('judges connections as well, and takes the invitation with the proof', async () => {
    await start({ accessPolicy: 'institution' });
    const key = newTestKey();
    const stranger = await WsNode.dial(target.url, key);
    sockets.push(stranger);
    const hello = await stranger.next('hello');
    const proof = (node: WsNode, nonce: unknown): string => node.proof(String(nonce), target.coordinatorId);
    stranger.send({ type: 'authenticate', public_key: key.publicKey, signature: proof(stranger, hello['nonce']) });
    expect(await stranger.next('reply')).toMatchObject({ ok: false, error: { code: 'not-a-member' } });
    expect((await stranger.untilClosed()).code).toBe(4403);
    const { body } = await admin('POST', '/admin/invitations', { roles: ['user'] });
    const invited = await WsNode.dial(target.url, key);
    sockets.push(invited);
    const nonce = (await invited.next('hello'))['nonce'];
    invited.send({
      type: 'authenticate',
      public_key: key.publicKey,
      signature: proof(invited, nonce),
      invitation: body['code'],
    });
    await invited.next('authenticated');
    await invited.register();
    expect(await invited.registerShard(0, 3)).toMatchObject({ ok: false, error: { code: 'role-missing' } });
    const path = `/admin/members/${encodeURIComponent(key.publicKey)}`;
    await admin('PUT', path, { roles: ['user'], state: 'blocked' });
    expect((await invited.untilClosed()).code).toBe(4403);
  });
});

describe('open', () => {
  it('keeps the administrator’s doors shut', async () => {
    await start({});
    expect(await call('GET', '/admin/nodes')).toMatchObject({ status: 401, body: { code: 'identity-required' } });
    expect((await admin('GET', '/admin/nodes')).status).toBe(200);
    expect(
      (await call('GET', '/admin/nodes', undefined, { authorization: 'Bearer wrong-token-of-someone' })).status,
    ).toBe(401);
  });

  it('has the access token as a gate before everything', async () => {
    await start({ accessToken: 'gate-token', accessPolicy: 'keyed' });
    const key = newTestKey();
    expect((await signed(key, 'GET', '/inference/models')).status).toBe(401);
    const more = { authorization: 'Bearer gate-token' };
    expect((await call('GET', '/inference/models', undefined, more)).status).toBe(401);
    expect((await signed(key, 'GET', '/inference/models', undefined, { more })).status).toBe(200);
    const opened = await signed(key, 'POST', '/access/session', {}, { more });
    const session = { authorization: `Bearer ${String(opened.body['token'])}` };
    expect((await call('GET', '/inference/models', undefined, session)).status).toBe(200);
    const socket = new WebSocket(`${target.url.replace('http', 'ws')}/ws`, ['tore.v1']);
    const status = await new Promise<number>((resolve) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('error', () => undefined);
    });
    expect(status).toBe(401);
  });
});
