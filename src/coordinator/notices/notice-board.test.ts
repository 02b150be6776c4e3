import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { postNotice } from '../service/operator-commands';
import { callAt, call } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

const TOKEN = 'administrator-token-of-the-tests';
const DAY_MS = 86_400_000;
let running: TestCoordinator;
let folder = '';
let aheadMs = 0;

async function start(options: Parameters<typeof startTestCoordinator>[0] = {}): Promise<void> {
  aheadMs = 0;
  const clock = { nowMs: () => Date.now() + aheadMs };
  running = await startTestCoordinator({ administratorToken: TOKEN, ...options }, { clock });
  callAt(running.url);
}
afterEach(async () => {
  await running.coordinator.stop();
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

const admin = (method: string, path: string, body?: object) =>
  call(method, path, body === undefined ? undefined : JSON.stringify(body), { authorization: `Bearer ${TOKEN}` });

async function registered(key = newTestKey()): Promise<WsNode> {
  const node = await WsNode.connect(running.url, key);
  if (node.nodeId === '') await node.register();
  return node;
}

describe('notices of the operator', () => {
  it('reach the connected nodes at once and the others when they come, until they are taken down', async () => {
    await start();
    const here = await registered();
    const away = newTestKey();
    const gone = await registered(away);
    gone.drop();
    // Told to a connection that nobody reads any more it would count as told.
    const isGone = async (): Promise<boolean> => {
      const { nodes } = (await admin('GET', '/admin/nodes')).body as { nodes: Json[] };
      return nodes.some((node) => node['id'] === gone.nodeId && node['connected'] === false);
    };
    await expect.poll(isGone, { timeout: 20_000 }).toBe(true);
    const posted = await admin('POST', '/admin/notices', { text: ' Maintenance on Friday. ' });
    expect(posted).toMatchObject({ status: 201, body: { text: 'Maintenance on Friday.' } });
    expect((await here.next('notice'))['text']).toBe('Maintenance on Friday.');
    const back = await registered(away);
    expect((await back.next('notice'))['text']).toBe('Maintenance on Friday.');
    // Coming back is no reason to hear it again.
    back.drop();
    const again = await registered(away);
    expect(await again.call({ type: 'heartbeat' })).toMatchObject({ ok: true });
    expect(again.messages.some((message) => message['type'] === 'notice')).toBe(false);

    const { id } = posted.body as Json;
    expect((await admin('GET', '/admin/notices')).body).toMatchObject({ notices: [{ id }] });
    expect((await admin('DELETE', `/admin/notices/${String(id)}`)).status).toBe(200);
    expect((await admin('DELETE', `/admin/notices/${String(id)}`)).status).toBe(404);
    const later = await registered();
    await admin('POST', '/admin/notices', { text: 'It is over.' });
    expect((await later.next('notice'))['text']).toBe('It is over.');
    expect(later.messages.some((message) => message['type'] === 'notice')).toBe(false);
  });

  it('go out of date', async () => {
    await start();
    await admin('POST', '/admin/notices', { text: 'For a day.', days: 1 });
    aheadMs = DAY_MS + 1_000;
    expect((await admin('GET', '/admin/notices')).body).toEqual({ notices: [] });
  });

  it('are an administrator’s to put up, within bounds', async () => {
    await start();
    expect((await call('POST', '/admin/notices', JSON.stringify({ text: 'Hello' }))).status).toBe(401);
    for (const body of [{ text: '  ' }, { text: 'x'.repeat(1_001) }, { text: 'x', days: 0 }, { text: 'x', days: 91 }]) {
      expect([body, (await admin('POST', '/admin/notices', body)).status]).toEqual([body, 422]);
    }
    for (let count = 0; count < 20; count += 1) await admin('POST', '/admin/notices', { text: `Notice ${count}` });
    expect(await admin('POST', '/admin/notices', { text: 'One more' })).toMatchObject({
      status: 409,
      body: { code: 'too-many-notices' },
    });
  });

  it('put up by a command beside it are told by the running coordinator', async () => {
    folder = await mkdtemp(join(tmpdir(), 'tore-notices-'));
    const databaseFile = join(folder, 'coordinator.sqlite');
    await start({ databaseFile });
    const node = await registered();
    expect(await postNotice(databaseFile, 'From the terminal.', 91)).toMatchObject({ ok: false });
    expect(await postNotice(databaseFile, 'From the terminal.', 2)).toMatchObject({ ok: true });
    expect((await node.next('notice'))['text']).toBe('From the terminal.');
  });
});
