import { describe, expect, it } from 'vitest';
import type { NodeState } from '../../protocol/compute/node-snapshot';
import { buildTrayModel, type TrayModel } from './tray-model';

const clock = (time: string): string => time.slice(11, 16);
const range = { layer_start: 0, layer_end: 3 };
const error = { code: 'x', message: 'The coordinator cannot be reached.', retryable: true };

function model(state: NodeState, facts: { balance?: number; speed?: number; active?: number } = {}): TrayModel {
  return buildTrayModel(
    {
      state,
      balanceMicroGft: facts.balance ?? null,
      tokensPerSecond: facts.speed ?? null,
      requestsActive: facts.active ?? 0,
    },
    clock,
  );
}

const labels = ({ menu }: TrayModel): string[] =>
  menu.map((item) => (item.kind === 'separator' ? '-' : item.label)).filter((label) => label !== '-');

describe('buildTrayModel', () => {
  it.each<[NodeState, TrayModel['icon'], string]>([
    [{ kind: 'off' }, 'offline', 'Not running'],
    [{ kind: 'preparing', step: 'benchmark', fraction: 0.5 }, 'offline', 'Measuring this computer'],
    [{ kind: 'connecting', attempt: 2 }, 'offline', 'Connecting to the coordinator'],
    [{ kind: 'registering' }, 'offline', 'Registering this computer'],
    [{ kind: 'loading', modelId: 'm', range, fraction: 0 }, 'offline', 'Loading layers 0-3 of m'],
    [{ kind: 'serving', modelId: 'm', range }, 'working', 'Serving layers 0-3 of m'],
    [{ kind: 'paused', reason: { kind: 'user' } }, 'paused', 'Paused until resumed'],
    [{ kind: 'paused', reason: { kind: 'snoozed', until: '2026-01-01T14:05:00Z' } }, 'snoozed', 'Paused until 14:05'],
    [{ kind: 'paused', reason: { kind: 'no-consent' } }, 'paused', 'Waiting for your agreement in the window'],
    [
      { kind: 'paused', reason: { kind: 'on-battery', percent: 61.6 } },
      'paused',
      'Paused: on battery (62 %). Resumes on mains.',
    ],
    [
      { kind: 'paused', reason: { kind: 'on-battery', percent: null } },
      'paused',
      'Paused: on battery. Resumes on mains.',
    ],
    [
      { kind: 'paused', reason: { kind: 'suspended', message: 'Too many wrong answers.' } },
      'attention',
      'Suspended by the coordinator: Too many wrong answers.',
    ],
    [
      { kind: 'waiting', error, retryAt: '2026-01-01T09:30:00Z' },
      'offline',
      'The coordinator cannot be reached. Next attempt at 09:30.',
    ],
    [{ kind: 'failed', error }, 'attention', 'The coordinator cannot be reached.'],
  ])('shows %o', (state, icon, line) => {
    expect(model(state)).toMatchObject({ icon, stateLine: line });
    expect(model(state).tooltip).toContain(line);
    expect(labels(model(state))).toContain(line);
  });

  it('shows what runs now and the balance', () => {
    const shown = model({ kind: 'serving', modelId: 'm', range }, { speed: 41.7, active: 1, balance: 1_234_500 });
    expect(shown.stateLine).toBe('Working on layers 0-3 of m, 42 tokens/s');
    expect(shown.tooltip).toBe('Tore: Working on layers 0-3 of m, 42 tokens/s\nBalance 1.2345 GFT');
  });

  it('offers three pauses while there is something to pause', () => {
    const { menu } = model({ kind: 'serving', modelId: 'm', range });
    const pauses = menu.flatMap((item) =>
      item.kind === 'action' && item.action.kind === 'pause' ? [item.action.minutes] : [],
    );
    expect(pauses).toEqual([15, 60, null]);
    expect(labels(model({ kind: 'serving', modelId: 'm', range }))).not.toContain('Resume');
  });

  it('offers to resume only what the user paused', () => {
    expect(labels(model({ kind: 'paused', reason: { kind: 'user' } }))).toContain('Resume');
    expect(labels(model({ kind: 'paused', reason: { kind: 'on-battery', percent: 5 } }))).not.toContain('Resume');
    expect(labels(model({ kind: 'paused', reason: { kind: 'no-consent' } }))).toEqual([
      'Waiting for your agreement in the window',
      'Open Tore',
      'Quit',
    ]);
  });

  it('offers another attempt after a failure', () => {
    expect(labels(model({ kind: 'failed', error }))).toContain('Try again');
  });
});
