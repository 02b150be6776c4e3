import i18next from 'i18next';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedCoordinatorState } from '../../contract';
import type { NodeSnapshot, NodeState } from '../../protocol/compute/node-snapshot';
import { startI18n } from '../i18n/i18n';
import { describeActivity, describeStatus } from './node-status';

const nowMs = new Date(2026, 10, 22, 14, 0, 0).getTime();
const inMs = (ms: number): string => new Date(nowMs + ms).toISOString();

function nodeIn(state: NodeState, more: Partial<NodeSnapshot> = {}): NodeSnapshot {
  return {
    state,
    coordinator: { url: 'http://127.0.0.1:7000', name: null, version: null, transport: null, tokenMode: null },
    shard: null,
    requestsActive: 0,
    tokensPerSecond: null,
    ...more,
  } as NodeSnapshot;
}

function describeNode(state: NodeState, embeddedCoordinator: EmbeddedCoordinatorState = { kind: 'running', url: 'u' }) {
  return describeStatus(i18next.t, {
    node: nodeIn(state),
    embeddedCoordinator,
    coordinatorChoice: { kind: 'embedded' },
    nowMs,
  });
}

describe('describeStatus', () => {
  beforeAll(() => startI18n());

  it('says which layers are served', () => {
    const status = describeNode({ kind: 'serving', modelId: 'tore-tiny', range: { layer_start: 0, layer_end: 3 } });
    expect(status).toEqual({
      tone: 'working',
      word: 'Serving',
      reason: 'Layers 0-3 of tore-tiny',
      next: null,
      action: 'pause',
    });
  });

  it('says why it is paused and when it goes on', () => {
    const paused = (reason: Extract<NodeState, { kind: 'paused' }>['reason']) =>
      describeNode({ kind: 'paused', reason });
    expect(paused({ kind: 'on-battery', percent: 62 }).reason).toBe('On battery (62\u202f%). Resumes on mains.');
    expect(paused({ kind: 'on-battery', percent: null }).reason).toBe('On battery. Resumes on mains.');
    expect(paused({ kind: 'snoozed', until: inMs(3_600_000) })).toMatchObject({
      tone: 'snoozed',
      reason: 'Until 15:00.',
      action: 'resume',
    });
    expect(paused({ kind: 'suspended', message: 'Reliability is 0.50.' })).toMatchObject({
      tone: 'attention',
      reason: 'Reliability is 0.50.',
    });
    expect(paused({ kind: 'no-consent' }).action).toBe('none');
  });

  it('counts down to the next attempt and keeps the suggestion', () => {
    const error = { code: 'x', message: 'No answer.', retryable: true, suggestion: 'Check the URL.' };
    const status = describeNode({ kind: 'waiting', error, retryAt: inMs(12_000) });
    expect(status).toMatchObject({ tone: 'offline', next: 'Check the URL. Tries again in 12 s.', action: 'retry' });
    expect(describeNode({ kind: 'waiting', error, retryAt: inMs(-5) }).next).toBe('Check the URL. Trying again now.');
  });

  it('puts a failed coordinator of its own first, except before consent', () => {
    const error = { code: 'x', message: 'The port is taken.', retryable: false };
    expect(describeNode({ kind: 'connecting', attempt: 3 }, { kind: 'failed', error }).reason).toBe(
      'The port is taken.',
    );
    expect(describeNode({ kind: 'paused', reason: { kind: 'no-consent' } }, { kind: 'failed', error }).word).toBe(
      'Not started',
    );
  });

  it('names the coordinator and the attempt while connecting', () => {
    expect(describeNode({ kind: 'connecting', attempt: 1 }).reason).toBe('To http://127.0.0.1:7000.');
    expect(describeNode({ kind: 'connecting', attempt: 3 }).reason).toBe('To http://127.0.0.1:7000, attempt 3.');
  });
});

describe('describeActivity', () => {
  const serving: NodeState = { kind: 'serving', modelId: 'm', range: { layer_start: 0, layer_end: 0 } };

  it('speaks only while serving', () => {
    expect(describeActivity(i18next.t, nodeIn({ kind: 'off' }))).toBeNull();
    expect(describeActivity(i18next.t, nodeIn(serving))).toBe('no request right now');
    expect(describeActivity(i18next.t, nodeIn(serving, { requestsActive: 1, tokensPerSecond: 41.7 }))).toBe(
      '1 request now · 42 tok/s',
    );
    expect(describeActivity(i18next.t, nodeIn(serving, { requestsActive: 2 }))).toBe('2 requests now');
  });
});
