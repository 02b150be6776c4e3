import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileSecretStore, type ContributorNode, type NodeLogger } from '../../../node';
import { startRemoteHost } from '../../../node/remote/start-remote-host';
import { NO_NODE_FACTS, type NodeState } from '../../../protocol/compute/node-snapshot';
import { success } from '../../../protocol/result';
import { HostsService } from './hosts-service';

const silent: NodeLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-hosts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SERVING: NodeState = { kind: 'serving', modelId: 'tiny', range: { layer_start: 0, layer_end: 3 } };

/** The part of a node that remote control uses. */
function quietNode(initial: NodeState) {
  let state = initial;
  const node = {
    snapshot: () => ({ ...NO_NODE_FACTS, state, tokensPerSecond: null, requestsServed: 3 }),
    pause: () => (state = { kind: 'paused', reason: { kind: 'user' } }),
    resume: () => (state = SERVING),
  };
  return node as unknown as ContributorNode;
}

async function startHost(name: string, state = SERVING) {
  const texts: string[] = [];
  const remote = await startRemoteHost(
    { host: '127.0.0.1', port: 0, pair: false },
    {
      node: quietNode(state),
      appVersion: '1',
      dataFolder: join(folder, name),
      secretStore: fileSecretStore(join(folder, name, 'node.key')),
      tail: () => ['one line'],
      onText: (text) => void texts.push(text),
      logger: silent,
    },
  );
  if (!remote.ok) throw new Error(remote.error.message);
  const said = texts.join('\n');
  return {
    remote: remote.value,
    address: /127\.0\.0\.1:\d+/.exec(said)?.[0] ?? '',
    code: /[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(said)?.[0] ?? '',
  };
}

function createService(hosts: ConstructorParameters<typeof HostsService>[0]['hosts'] = []) {
  const written: object[] = [];
  let ids = 0;
  const service = new HostsService({
    hosts,
    store: {
      write: (document) => {
        written.push(document);
        return success(undefined);
      },
    },
    secretStore: fileSecretStore(join(folder, 'app.key')),
    name: 'My laptop',
    newId: () => `host ${++ids}`,
  });
  return { service, written };
}

it('pairs, shows, steers, reads the log, survives a restart of the app, and unpairs', async () => {
  const { remote, address, code } = await startHost('rack');
  const first = createService();
  try {
    const paired = await first.service.pair(` ${address} `, code);
    expect(paired).toMatchObject({ ok: true, value: [{ address, status: { requestsServed: 3 }, failure: null }] });
    first.service.close();

    const { hosts } = first.written.at(-1) as { hosts: [] };
    const second = createService(hosts);
    expect(await second.service.list()).toMatchObject([{ id: 'host 1', status: { state: { kind: 'serving' } } }]);
    expect(await second.service.pause('host 1', null)).toMatchObject({
      ok: true,
      value: [{ status: { state: { kind: 'paused' }, sentence: expect.stringContaining('Paused') } }],
    });
    expect(await second.service.resume('host 1')).toMatchObject({
      value: [{ status: { state: { kind: 'serving' } } }],
    });
    expect(await second.service.log('host 1')).toEqual({ ok: true, value: ['one line'] });
    expect(await second.service.unpair('host 1')).toEqual({ ok: true, value: [] });
    expect(await second.service.pause('host 1', null)).toMatchObject({ ok: false });
    second.service.close();
  } finally {
    await remote.close();
  }
});

it('leaves a state it does not know to the words of the computer itself', async () => {
  const later = { kind: 'paused', reason: { kind: 'of-a-later-version' } } as unknown as NodeState;
  const { remote, address, code } = await startHost('newer', later);
  const { service } = createService();
  try {
    expect(await service.pair(address, code)).toMatchObject({
      ok: true,
      value: [{ status: { state: null, sentence: expect.stringContaining('Paused') }, failure: null }],
    });
  } finally {
    service.close();
    await remote.close();
  }
});

it('says which computer cannot be reached, keeps it, and lets it be forgotten', async () => {
  const up = await startHost('up');
  const down = await startHost('down');
  const { service } = createService();
  try {
    await service.pair(up.address, up.code);
    await service.pair(down.address, down.code);
    await down.remote.close();
    expect(await service.list()).toMatchObject([
      { status: { requestsServed: 3 }, failure: null },
      { status: null, failure: { code: 'connection-lost' } },
    ]);
    expect(await service.unpair('host 2')).toMatchObject({ ok: true, value: [{ id: 'host 1' }] });
  } finally {
    service.close();
    await up.remote.close();
  }
});

it('refuses a wrong code without keeping anything', async () => {
  const { remote, address } = await startHost('rack');
  const { service, written } = createService();
  try {
    expect(await service.pair(address, 'AAAA-AAAA-AAAA')).toMatchObject({
      ok: false,
      error: { code: 'proof-refused' },
    });
    expect(await service.pair('not an address', 'AAAA-AAAA-AAAA')).toMatchObject({ error: { code: 'input-invalid' } });
    expect(written).toEqual([]);
    expect(await service.list()).toEqual([]);
  } finally {
    await remote.close();
  }
});
