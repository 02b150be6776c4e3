import { describe, expect, it } from 'vitest';
import type { NodeState } from '../../protocol/compute/node-snapshot';
import type { Language } from '../../contract/language';
import { textsOf } from '../texts/texts-of';
import { buildTrayModel, pauseMinutes, type TrayModel } from './tray-model';

const clock = (time: string): string => time.slice(11, 16);
const range = { layer_start: 0, layer_end: 3 };
const error = { code: 'x', message: 'The coordinator cannot be reached.', retryable: true };

function model(
  state: NodeState,
  facts: { balance?: number; speed?: number; active?: number; served?: number } = {},
  language: Language = 'en',
): TrayModel {
  return buildTrayModel(
    {
      state,
      balanceMicroGft: facts.balance ?? null,
      tokensPerSecond: facts.speed ?? null,
      requestsActive: facts.active ?? 0,
      requestsServed: facts.served ?? 0,
    },
    clock,
    textsOf(language),
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

  it('offers pauses while there is something to pause', () => {
    const { menu } = model({ kind: 'serving', modelId: 'm', range });
    const pauses = menu.flatMap((item) =>
      item.kind === 'action' && item.action.kind === 'pause' ? [item.action.minutes] : [],
    );
    expect(pauses).toEqual([15, 60, 240, 'morning', null]);
    const busy = model({ kind: 'serving', modelId: 'm', range }, { active: 1 });
    expect(labels(busy)).toContain('Finish what runs, then pause');
    expect(labels(model({ kind: 'serving', modelId: 'm', range }))).not.toContain('Finish what runs, then pause');
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

  it('shows quick figures once there are some', () => {
    const shown = labels(model({ kind: 'serving', modelId: 'm', range }, { balance: 2_000_000, served: 3 }));
    expect(shown[1]).toBe('Balance 2.00 GFT · 3 requests served');
    expect(labels(model({ kind: 'off' }))[1]).toBe('Open Tore');
  });

  it('ends a pause until tomorrow on the next day, also shortly after midnight', () => {
    const at = (hour: number, minute: number): number => new Date(2026, 0, 5, hour, minute).getTime();
    expect(pauseMinutes('morning', at(23, 0))).toBe(8 * 60);
    expect(pauseMinutes('morning', at(1, 0))).toBe(30 * 60);
    expect(pauseMinutes(15, at(1, 0))).toBe(15);
    expect(pauseMinutes(null, at(1, 0))).toBeNull();
  });

  it('offers another attempt after a failure', () => {
    expect(labels(model({ kind: 'failed', error }))).toContain('Try again');
  });
});

describe('in Turkish', () => {
  it('says the same in the menu, the tooltip and the reasons', () => {
    const serving = model(
      { kind: 'serving', modelId: 'm', range },
      { balance: 9_852_895, speed: 41.6, served: 3 },
      'tr',
    );
    expect(serving.tooltip).toBe('Tore: Hizmet veriyor: m katman 0-3, 42 token/sn\nBakiye 9,852895 GFT');
    expect(labels(serving)).toEqual([
      'Hizmet veriyor: m katman 0-3, 42 token/sn',
      'Bakiye 9,852895 GFT · 3 istek yanıtlandı',
      'Tore’yi aç',
      '15 dakika duraklat',
      '1 saat duraklat',
      '4 saat duraklat',
      'Yarın 07.00’ye kadar duraklat',
      'Sürdürülene kadar duraklat',
      'Çık',
    ]);
    const paused = model({ kind: 'paused', reason: { kind: 'on-battery', percent: 61.6 } }, {}, 'tr');
    expect(paused.stateLine).toBe('Duraklatıldı: Pilde (%62). Şebekeye bağlanınca sürer.');
  });
});
