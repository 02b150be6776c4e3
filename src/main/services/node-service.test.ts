import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type Settings } from '../../contract/settings';
import type { ContributorEvents, NodePreferences, NodeReadings } from '../../node';
import type { NodeSnapshot, NodeState } from '../../protocol/compute/node-snapshot';
import { success } from '../../protocol/result';
import { ManualTimers, settle } from '../test-doubles/manual-timers';
import { RecordingLog } from '../test-doubles/recording-log';
import { textsOf } from '../texts/texts-of';
import { AppMemory, EMPTY_MEMORY, type AppMemoryDocument } from './app-memory';
import { initialSnapshot } from './initial-snapshot';
import { NodeService, type ContributorPort } from './node-service';
import { PauseMemory } from './requested-pause';

const agreed: Settings = { ...DEFAULT_SETTINGS, consentAt: '2026-01-01T00:00:00Z' };
const known = { kind: 'known', url: 'http://127.0.0.1:7410', accessToken: 'secret' } as const;
const range = { layer_start: 0, layer_end: 7 };

/** A node that does nothing by itself and remembers what it was told. */
class FakeNode {
  preferences: NodePreferences;
  readings: NodeReadings;
  readonly actions: string[] = [];
  readonly listeners = new Map<string, (event: never) => void>();
  state: NodeState = { kind: 'off' };

  constructor(preferences: NodePreferences, readings: NodeReadings) {
    this.preferences = preferences;
    this.readings = readings;
  }
  snapshot = (): NodeSnapshot => ({
    ...initialSnapshot({
      appVersion: '1',
      settings: agreed,
      hasRemoteAccessToken: false,
      hasInvitation: false,
      secretsEncrypted: true,
    }).node,
    state: this.state,
  });
  onSnapshot = (listener: (snapshot: NodeSnapshot) => void): (() => void) => {
    this.listeners.set('snapshot', listener as (event: never) => void);
    return () => undefined;
  };
  on = (name: string, listener: (event: never) => void): (() => void) => {
    this.listeners.set(name, listener);
    return () => undefined;
  };
  start = (): void => void this.actions.push('start');
  stop = (): Promise<void> => {
    this.actions.push('stop');
    return Promise.resolve();
  };
  retry = (): void => void this.actions.push('retry');
  updatePreferences = (changes: Partial<NodePreferences>): void => {
    this.preferences = { ...this.preferences, ...changes };
  };
  updateReadings = (changes: Partial<NodeReadings>): void => {
    this.readings = { ...this.readings, ...changes };
  };
  become(state: NodeState): void {
    this.state = state;
    this.listeners.get('snapshot')?.(this.snapshot() as never);
  }
  tell<Name extends keyof ContributorEvents>(name: Name, event: ContributorEvents[Name]): void {
    this.listeners.get(name)?.(event as never);
  }
}

function createService(settings: Settings, remembered: Partial<AppMemoryDocument> = {}) {
  const timers = new ManualTimers();
  const written: Record<string, unknown>[] = [];
  const memory = new AppMemory(
    { ...EMPTY_MEMORY, ...remembered },
    {
      write: (document) => {
        written.push(document);
        return success(undefined);
      },
    },
    new RecordingLog(),
  );
  const events: string[] = [];
  const nodes: FakeNode[] = [];
  const service = new NodeService({
    createNode: (preferences, readings) => {
      nodes.push(new FakeNode(preferences, readings));
      return nodes[0] as unknown as ContributorPort;
    },
    shippedModelFolder: '/app/models/tore-tiny',
    settings,
    power: { onBattery: false, batteryPercent: null },
    pauses: new PauseMemory(memory, timers),
    onSnapshot: () => undefined,
    onCoverageChanged: () => undefined,
    addEvent: (kind, text) => void events.push(`${kind}: ${text}`),
    formatClock: (time) => time.slice(11, 16),
    texts: () => textsOf('en'),
    timers,
  });
  const node = nodes[0];
  if (node === undefined) throw new Error('no node was made');
  return { service, node, timers, events, written };
}

describe('where the node works', () => {
  it('starts once its coordinator is known', async () => {
    const { service, node } = createService(agreed);
    expect(service.snapshot().state).toEqual({ kind: 'connecting', attempt: 1 });
    service.setTarget({ kind: 'starting' });
    await settle();
    expect(node.actions).toEqual([]);
    service.setTarget(known);
    await settle();
    expect(node.actions).toEqual(['start']);
    expect(node.preferences).toMatchObject({ coordinatorUrl: known.url, accessToken: 'secret' });
    expect(node.preferences.modelFolder).toBe('/app/models/tore-tiny');
  });

  it('says that it waits for consent and passes it on', () => {
    const { service, node } = createService(DEFAULT_SETTINGS);
    expect(service.snapshot().state).toEqual({ kind: 'paused', reason: { kind: 'no-consent' } });
    expect(node.readings.consent).toBe(false);
    service.applySettings(agreed);
    expect(node.readings.consent).toBe(true);
  });

  it('stays with its coordinator while that restarts, also when settings change meanwhile', async () => {
    const { service, node } = createService(agreed);
    service.setTarget(known);
    service.setTarget({ kind: 'starting' });
    service.applySettings({ ...agreed, region: 'DE' });
    await settle();
    expect(node.preferences).toMatchObject({ coordinatorUrl: known.url, accessToken: 'secret', region: 'DE' });
    expect(node.actions).toEqual(['start']);
    node.become({
      kind: 'waiting',
      error: { code: 'x', message: 'Gone.', retryable: true },
      retryAt: '2026-01-01T12:00:05Z',
    });
    service.setTarget(known);
    await settle();
    expect(node.actions).toEqual(['start', 'retry']);
  });

  it('leaves a coordinator when the chosen one cannot be used, and says why', async () => {
    const { service, node } = createService(agreed);
    service.setTarget(known);
    await settle();
    const error = { code: 'secret-unreadable', message: 'The token cannot be decrypted.', retryable: true };
    service.setTarget({ kind: 'unavailable', error });
    await settle();
    expect(node.actions).toEqual(['start', 'stop']);
    expect(service.snapshot().state).toEqual({ kind: 'failed', error });
  });
});

describe('pauses', () => {
  it('outlive the app until they pass', () => {
    const until = '2026-01-01T12:15:00.000Z';
    const { node, service, timers, written } = createService(agreed, { pause: { kind: 'snoozed', until } });
    expect(node.readings).toMatchObject({ pausedByUser: false, snoozedUntil: until });
    timers.advance(16 * 60_000);
    service.applySettings(agreed);
    expect(node.readings.snoozedUntil).toBeNull();
    service.pause(null);
    expect(node.readings.pausedByUser).toBe(true);
    service.pause(15);
    expect(node.readings).toMatchObject({ pausedByUser: false, snoozedUntil: '2026-01-01T12:31:00.000Z' });
    expect(written.map(({ pause }) => pause)).toEqual([
      { kind: 'user' },
      { kind: 'snoozed', from: '2026-01-01T12:16:00.000Z', until: '2026-01-01T12:31:00.000Z' },
    ]);
    service.resume();
    expect(node.readings).toMatchObject({ pausedByUser: false, snoozedUntil: null });
  });

  it('follow mains and battery', () => {
    const { node, service } = createService(agreed);
    service.applyPower({ onBattery: true, batteryPercent: 40 });
    expect(node.readings).toMatchObject({ onBattery: true, batteryPercent: 40 });
  });
});

describe('what is told', () => {
  it('tells each lasting state once', () => {
    const { node, events } = createService(agreed);
    node.become({ kind: 'loading', modelId: 'm', range, fraction: 0.5 });
    node.become({ kind: 'serving', modelId: 'm', range });
    node.become({ kind: 'serving', modelId: 'm', range });
    node.become({ kind: 'failed', error: { code: 'x', message: 'The model is gone.', retryable: false } });
    expect(events).toEqual(['state: Serving layers 0-7 of m.', 'error: The model is gone.']);
  });

  it('tells a verdict once, and none before it is known', () => {
    const { node, events } = createService(agreed);
    const record = { taskId: 't', modelId: 'm', range, receivedAt: '', durationMs: 1, message: '' };
    node.tell('challenge', { ...record, verdict: 'waiting' });
    node.tell('challenge', { ...record, verdict: 'passed' });
    node.tell('challenge', { ...record, verdict: 'passed' });
    expect(events).toEqual(['challenge: Challenge on layers 0-7 of m passed.']);
  });

  it('tells layers that stay away, not those that come back at once', () => {
    const { node, events, timers } = createService(agreed);
    const whole = { modelId: 'm', available: true, layersMissing: [] };
    const half = { modelId: 'm', available: false, layersMissing: [4, 5, 7] };
    node.tell('coverage', whole);
    timers.advance(10_000);
    node.tell('coverage', half);
    timers.advance(1_000);
    node.tell('coverage', whole);
    timers.advance(10_000);
    expect(events).toEqual([]);
    node.tell('coverage', half);
    timers.advance(10_000);
    node.tell('coverage', whole);
    timers.advance(10_000);
    expect(events).toEqual([
      'coverage: Nobody holds layers 4-5, 7 of m.',
      'coverage: Every layer of m is held; it can answer.',
    ]);
  });

  it('watches no more models than a coordinator can have', () => {
    const { node, timers } = createService(agreed);
    const before = timers.waiting;
    for (let index = 0; index < 3_000; index += 1) {
      node.tell('coverage', { modelId: `m${index}`, available: true, layersMissing: [] });
    }
    expect(timers.waiting - before).toBeLessThanOrEqual(1_000);
  });

  it('tells what was earned, and leaves what was spent to Chat', () => {
    const { node, events } = createService(agreed);
    const balance = { balanceMicroGft: 1, ledgerRef: null };
    node.tell('balance', { ...balance, amountMicroGft: 341, eventType: 'issuance' });
    node.tell('balance', { ...balance, amountMicroGft: -341, eventType: 'redemption' });
    node.tell('balance', { ...balance, amountMicroGft: null, eventType: null });
    expect(events).toEqual(['earning: Earned 0.000341 GFT for work done.']);
  });
});
