import { describe, expect, it } from 'vitest';
import { CALL_SCHEMAS } from '../../contract';
import { Value } from 'typebox/value';
import { regionOptions } from './regions';

describe('regionOptions', () => {
  it('offers codes main accepts, by name', () => {
    const options = regionOptions('en', null);
    expect(options.length).toBe(249);
    expect(new Set(options.map(({ value }) => value)).size).toBe(options.length);
    for (const { value } of options) expect(Value.Check(CALL_SCHEMAS['welcome:accept'], { region: value })).toBe(true);
    expect(options.find(({ value }) => value === 'DE')?.label).toBe('Germany (DE)');
  });

  it('keeps a stored part of a country', () => {
    expect(regionOptions('en', 'US-NY')[0]).toEqual({ value: 'US-NY', label: 'United States (US-NY)' });
    expect(regionOptions('en', 'DE').filter(({ value }) => value === 'DE')).toHaveLength(1);
  });
});
