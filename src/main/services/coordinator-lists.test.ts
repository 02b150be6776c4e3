import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../contract/settings';
import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';
import { failure, success, type Result } from '../../protocol/result';
import { ManualTimers } from '../test-doubles/manual-timers';
import { RecordingLog } from '../test-doubles/recording-log';
import type { CoordinatorSource } from './coordinator-reader';
import { initialSnapshot } from './initial-snapshot';
import { LedgerService, type LedgerExports } from './ledger-service';
import { ModelsService } from './models-service';

const facts = {
  appVersion: '1',
  settings: DEFAULT_SETTINGS,
  hasRemoteAccessToken: false,
  hasInvitation: false,
  secretsEncrypted: true,
};

function source(answers: Record<string, unknown>, changes: Partial<NodeSnapshot> = {}) {
  const asked: string[] = [];
  const read: CoordinatorSource = {
    snapshot: () => ({ ...initialSnapshot(facts).node, nodeId: 'me', ...changes }),
    fetchJson: (path): Promise<Result<unknown>> => {
      asked.push(path);
      const answer = answers[path];
      return Promise.resolve(answer === undefined ? failure('coordinator-refused', `no ${path}`) : success(answer));
    },
  };
  return { read, asked };
}

const noExports: LedgerExports = {
  saveFile: () => Promise.resolve(null),
  download: () => Promise.reject(new Error('nothing is downloaded here')),
};

const entry = (id: string, timestamp: string, amount: number) => ({
  id,
  event_type: amount > 0 ? 'issuance' : 'redemption',
  node_id: 'me',
  amount,
  entry_hash: 'h',
  timestamp,
  task_id: null,
  unknown_field: 1,
});

describe('LedgerService', () => {
  it('writes every entry of this computer to the file that was chosen, and nothing when none was', async () => {
    const { read } = source({});
    const written: string[] = [];
    const to = (file: string | null, answer: Result<void> = success(undefined)): LedgerService =>
      new LedgerService(read, {
        saveFile: (name) => Promise.resolve(file === null ? null : `${file}/${name}`),
        download: (path, chosen) => {
          written.push(`${path} -> ${chosen}`);
          return Promise.resolve(answer);
        },
      });
    expect(await to('/home').export('csv')).toEqual({ ok: true, value: true });
    expect(await to(null).export('jsonl')).toEqual({ ok: true, value: false });
    expect(written).toEqual(['/tokens/me/export?format=csv -> /home/tore-ledger.csv']);
    const failed = failure('download-failed', 'the disk is full');
    expect(await to('/home', failed).export('jsonl')).toEqual(failed);
  });

  it('shows the newest entries first, in micro-GFT, whatever form the times have', async () => {
    const { read } = source({
      '/tokens/me/history?limit=10': {
        entries: [
          entry('a', '2026-01-01T00:00:00Z', 10.799999999999999),
          entry('b', '2026-01-02T00:00:00.123456+00:00', -0.000341),
          entry('c', '2026-01-02T00:00:00.123456', 1),
        ],
      },
      '/tokens/me/balance': { balance: 11.799659, total_earned: 11.8, total_spent: 0.000341, last_updated: null },
    });
    const page = await new LedgerService(read, noExports).getPage(10);
    expect(page).toMatchObject({
      ok: true,
      value: {
        balanceMicroGft: 11_799_659,
        entries: [
          { id: 'c', microGft: 1_000_000 },
          { id: 'b', microGft: -341, eventType: 'redemption', reason: null },
          { id: 'a', microGft: 10_800_000 },
        ],
      },
    });
  });

  it('asks nothing of a coordinator without accounts, or before the node is registered', async () => {
    const off = source(
      {},
      { coordinator: { url: '', name: null, version: null, transport: 'websocket', tokenMode: false } },
    );
    expect(await new LedgerService(off.read, noExports).getPage(5)).toMatchObject({
      ok: false,
      error: { code: 'tokens-off' },
    });
    expect(await new LedgerService(off.read, noExports).verify()).toMatchObject({
      ok: false,
      error: { code: 'tokens-off' },
    });
    expect(off.asked).toEqual([]);
    const unknown = source({}, { nodeId: null });
    expect(await new LedgerService(unknown.read, noExports).getPage(5)).toMatchObject({
      error: { code: 'not-connected' },
    });
  });

  it('says plainly when the chain does not hold', async () => {
    const path = '/tokens/ledger/verify';
    const good = source({ [path]: { chain_valid: true, total_entries: 1_204, total_supply: 1 } });
    expect(await new LedgerService(good.read, noExports).verify()).toMatchObject({
      value: { message: 'Verified to entry 1,204.' },
    });
    const bad = source({ [path]: { chain_valid: false, total_entries: 2, problem: 'Entry 2 was changed.' } });
    expect(await new LedgerService(bad.read, noExports).verify()).toMatchObject({
      value: { valid: false, message: 'The chain does not hold: Entry 2 was changed.' },
    });
  });

  it('refuses an answer of another form', async () => {
    const odd = source({ '/tokens/ledger/verify': { chain_valid: 'yes' } });
    expect(await new LedgerService(odd.read, noExports).verify()).toMatchObject({
      ok: false,
      error: { code: 'answer-invalid' },
    });
  });
});

describe('ModelsService', () => {
  const models = {
    '/inference/models': {
      models: [
        { model_id: 'org/m', friendly_name: null, total_layers: 4, pipeline_available: false, registry: { online: 2 } },
      ],
    },
    '/inference/pipeline/org/m': { available: false, total_layers: 4, reason: 'Layer 3 is missing.' },
    '/inference/shards/registry': {
      shards: [
        { node_id: 'me', model_id: 'org/m', layer_start: 0, layer_end: 1, is_online: true },
        { node_id: 'other', model_id: 'org/m', layer_start: 1, layer_end: 2 },
        { node_id: 'gone', model_id: 'org/m', layer_start: 3, layer_end: 3, is_online: false },
        { node_id: 'other', model_id: 'else', layer_start: 3, layer_end: 3 },
      ],
    },
  };

  function createModels(answers: Record<string, unknown>) {
    const timers = new ManualTimers();
    const { read, asked } = source(answers);
    const seen: { models: unknown[]; coverage: unknown[] } = { models: [], coverage: [] };
    const service = new ModelsService({
      source: read,
      ownModelId: () => 'org/m',
      isVisible: () => true,
      onModels: (list) => seen.models.push(list),
      onCoverage: (coverage) => seen.coverage.push(coverage),
      timers,
      log: new RecordingLog(),
    });
    return { service, seen, asked, timers };
  }

  it('shows who holds each layer', async () => {
    const { service, seen } = createModels(models);
    await service.refresh();
    expect(seen.models).toEqual([
      [{ modelId: 'org/m', friendlyName: 'org/m', totalLayers: 4, pipelineAvailable: false, onlineShards: 2 }],
    ]);
    expect(seen.coverage).toEqual([
      {
        modelId: 'org/m',
        friendlyName: 'org/m',
        totalLayers: 4,
        available: false,
        reason: 'Layer 3 is missing.',
        layers: [
          { index: 0, holder: 'mine', holders: 1 },
          { index: 1, holder: 'mine', holders: 2 },
          { index: 2, holder: 'others', holders: 1 },
          { index: 3, holder: 'missing', holders: 0 },
        ],
      },
    ]);
  });

  it('tells only changes, and forgets the lists when the coordinator is gone', async () => {
    const answers: Record<string, unknown> = { ...models };
    const { service, seen } = createModels(answers);
    await service.refresh();
    await service.refresh();
    expect(seen.models).toHaveLength(1);
    delete answers['/inference/models'];
    await service.refresh();
    expect(seen.models.at(-1)).toEqual([]);
    expect(seen.coverage.at(-1)).toBeNull();
  });

  it('answers a burst of events by one reading', () => {
    const { service, asked, timers } = createModels(models);
    for (let event = 0; event < 20; event++) service.refreshSoon();
    timers.advance(1_000);
    expect(asked).toEqual(['/inference/models']);
  });
});
