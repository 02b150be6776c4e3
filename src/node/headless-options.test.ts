import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHeadlessOptions } from './headless-options';

const needed = ['--coordinator', 'http://127.0.0.1:1', '--model-folder', '/models/tiny'];

describe('readHeadlessOptions', () => {
  it('has defaults that open nothing', () => {
    expect(readHeadlessOptions(needed, {})).toMatchObject({
      ok: true,
      value: {
        kind: 'run',
        json: false,
        preferences: {
          coordinatorUrl: 'http://127.0.0.1:1',
          accessToken: null,
          modelFolder: '/models/tiny',
          layerChoice: { kind: 'automatic' },
          precision: null,
          provider: null,
          cpuThreads: null,
          memoryBudgetBytes: null,
          region: null,
          activationServer: { enabled: false, host: '127.0.0.1', port: 0 },
        },
      },
    });
  });

  it('reads everything', () => {
    const text =
      '--layers 2-5 --precision int4 --provider cuda --threads 3 --memory-mb 512 --region US-NY --json --data-folder /data --access-token a ' +
      '--activation-host 0.0.0.0 --activation-port 9000';
    const args = text.split(' ');
    expect(readHeadlessOptions([...needed, ...args], { TORE_ACCESS_TOKEN: 'b' })).toMatchObject({
      value: {
        dataFolder: '/data',
        json: true,
        preferences: {
          accessToken: 'a',
          layerChoice: { kind: 'range', start: 2, end: 5 },
          precision: 'int4',
          provider: 'cuda',
          cpuThreads: 3,
          memoryBudgetBytes: 536_870_912,
          region: 'US-NY',
          activationServer: { enabled: true, host: '0.0.0.0', port: 9_000 },
        },
      },
    });
    expect(readHeadlessOptions(needed, { TORE_ACCESS_TOKEN: 'b' })).toMatchObject({
      value: { preferences: { accessToken: 'b' } },
    });
  });

  it.each([
    [['--coordinator', 'x']],
    [['--model-folder', 'x']],
    [[...needed, '--layers', '5-2']],
    [[...needed, '--layers', 'all']],
    [[...needed, '--precision', 'fp16']],
    [[...needed, '--provider', 'abacus']],
    [[...needed, '--device', 'cuda:0']],
    [[...needed, '--device', 'cuda:0=6']],
    [[...needed, '--device', 'cuda:64=6GiB']],
    [[...needed, '--device', 'webgpu:1=6GiB']],
    [[...needed, '--device', 'abacus=6GiB']],
    [[...needed, '--device', 'cpu=1MiB']],
    [[...needed, '--device', 'cuda=6GiB', '--device', 'cuda:0=6GiB']],
    [[...needed, '--device', 'cpu', '--provider', 'cpu']],
    [[...needed, '--threads', '0']],
    [[...needed, '--memory-mb', '1.5']],
    [[...needed, '--activation-port', '70000']],
    [[...needed, '--region', 'a b']],
    [[...needed, '--unknown']],
    [[...needed, 'extra']],
    [['--coordinator', 'http://c', '--model', 'hub:tiny']],
    [[...needed, '--hub', 'huggingface.co']],
    [[...needed, '--share-layers-kbs', '0']],
    [[...needed, '--share-layers-port', 'x']],
  ])('refuses %j', (args) => {
    expect(readHeadlessOptions(args, {})).toMatchObject({ ok: false, error: { code: 'input-invalid' } });
  });

  it('reads devices with their memory, in their order', () => {
    const args = [
      '--device',
      'cuda:1=6GiB',
      '--device',
      'cuda:0=1.5GiB',
      '--device',
      'webgpu=800MiB',
      '--device',
      'cpu',
    ];
    expect(readHeadlessOptions([...needed, ...args], {})).toMatchObject({
      value: {
        preferences: {
          provider: null,
          devices: [
            { provider: 'cuda', deviceId: 1, memoryBudgetBytes: 6 * 2 ** 30 },
            { provider: 'cuda', deviceId: 0, memoryBudgetBytes: 1.5 * 2 ** 30 },
            { provider: 'webgpu', memoryBudgetBytes: 800 * 2 ** 20 },
            { provider: 'cpu', memoryBudgetBytes: null },
          ],
        },
      },
    });
  });

  it('reads a model of a hub, and its token from the environment alone', () => {
    const args = ['--coordinator', 'http://c', '--model', 'hub:a/b@v2', '--hub', 'https://hub.example'];
    expect(readHeadlessOptions(args, { TORE_HUB_TOKEN: 't' })).toMatchObject({
      value: {
        preferences: { modelId: 'hub:a/b@v2', hub: { endpoint: 'https://hub.example', accessToken: 't' } },
      },
    });
    const plain = readHeadlessOptions(needed, {});
    expect(plain.ok && plain.value.kind === 'run' && 'hub' in plain.value.preferences).toBe(false);
  });

  it('shares layers only when asked to, at a limited speed', () => {
    const asked = readHeadlessOptions([...needed, '--share-layers-port', '8473', '--share-layers-kbs', '500'], {});
    expect(asked).toMatchObject({
      value: { preferences: { layerSharing: { host: '0.0.0.0', port: 8_473, bytesPerSecond: 500_000 } } },
    });
    expect(readHeadlessOptions(needed, {})).toMatchObject({ value: { preferences: { layerSharing: null } } });
  });

  it('knows help and version without anything else', () => {
    expect(readHeadlessOptions(['--help'], {})).toEqual({ ok: true, value: { kind: 'help' } });
    expect(readHeadlessOptions(['--version'], {})).toEqual({ ok: true, value: { kind: 'version' } });
  });

  it('reads the port of the local endpoint and makes keys for it', () => {
    const args = ['--coordinator', 'http://c', '--model-folder', '/m'];
    expect(readHeadlessOptions([...args, '--api-port', '8471'], {})).toMatchObject({
      ok: true,
      value: { apiPort: 8_471 },
    });
    expect(readHeadlessOptions(args, {})).toMatchObject({ ok: true, value: { apiPort: null } });
    expect(readHeadlessOptions([...args, '--api-port', '70000'], {}).ok).toBe(false);
    expect(readHeadlessOptions(['--new-api-key', 'editor', '--data-folder', '/d'], {})).toEqual({
      ok: true,
      value: { kind: 'new-api-key', name: 'editor', dataFolder: resolve('/d') },
    });
  });

  it('reads where paired apps may steer the node', () => {
    const args = ['--coordinator=http://127.0.0.1:1', '--model=m'];
    expect(readHeadlessOptions(args, {})).toMatchObject({ ok: true, value: { remote: null } });
    expect(readHeadlessOptions([...args, '--remote-control=127.0.0.1:7450'], {})).toMatchObject({
      ok: true,
      value: { remote: { host: '127.0.0.1', port: 7_450, pair: false } },
    });
    expect(readHeadlessOptions([...args, '--remote-control=[::]:7450', '--pair'], {})).toMatchObject({
      ok: true,
      value: { remote: { host: '::', port: 7_450, pair: true } },
    });
    for (const wrong of ['--remote-control=7450', '--remote-control=a:b', '--remote-control=x:70000', '--pair']) {
      expect(readHeadlessOptions([...args, wrong], {})).toMatchObject({ ok: false });
    }
  });
});
