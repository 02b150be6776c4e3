import { describe, expect, it } from 'vitest';
import { NO_WORK } from '../../../contract/records';
import { csvField, logLine, statisticsCsv } from './csv';

describe('CSV', () => {
  it('quotes what needs it and makes no formulas', () => {
    expect(csvField('plain')).toBe('plain');
    expect(csvField('a, "b"\nc')).toBe('"a, ""b""\nc"');
    expect(csvField('=HYPERLINK("x")')).toBe(`"'=HYPERLINK(""x"")"`);
    expect(csvField(-3)).toBe('-3');
  });

  it('of statistics names every sum with its unit', () => {
    const [head = '', line = ''] = statisticsCsv([
      { startMs: 0, endMs: 3_600_000, runningSeconds: 60, work: { ...NO_WORK, earnedMicroGft: 5 } },
    ]).split('\r\n');
    expect(head.split(',').slice(0, 4)).toEqual(['start', 'end', 'running_seconds', 'earned_micro_gft']);
    expect(line.split(',').slice(0, 4)).toEqual(['1970-01-01T00:00:00.000Z', '1970-01-01T01:00:00.000Z', '60', '5']);
    expect(line.split(',')).toHaveLength(head.split(',').length);
  });

  it('of the log and its JSON lines carry the same', () => {
    const entry = { id: 1, at: '2026-02-03T10:00:00.000Z', kind: 'policy', text: 'Paused, because.' } as const;
    expect(logLine(entry, 'csv')).toBe('2026-02-03T10:00:00.000Z,policy,"Paused, because."\r\n');
    expect(JSON.parse(logLine(entry, 'jsonl'))).toEqual({ time: entry.at, kind: 'policy', text: 'Paused, because.' });
  });
});
