import { describe, expect, it } from 'vitest';
import {
  formatAmount,
  formatBytes,
  formatCount,
  formatLayers,
  formatPercent,
  formatSpeed,
  formatTick,
  formatWireAmount,
  shortenId,
} from './numbers';

const space = '\u202f';

describe('numbers for people', () => {
  it('groups counts and shortens huge ones', () => {
    expect(formatCount(0)).toBe('0');
    expect(formatCount(1204)).toBe('1,204');
    expect(formatCount(9_999_999)).toBe('9,999,999');
    expect(formatCount(12_345_678)).toBe('12.3M');
  });

  it('writes GFT with grouping, sign and at least two digits', () => {
    expect(formatAmount(10_000_000)).toBe('10.00');
    expect(formatAmount(341)).toBe('0.000341');
    expect(formatAmount(-500_000)).toBe('\u22120.50');
    expect(formatAmount(1_234_567_890_000, { sign: 'always' })).toBe('+1,234,567.89');
    expect(formatAmount(0, { sign: 'always' })).toBe('0.00');
    expect(formatAmount(120, { digits: 'all' })).toBe('0.000120');
    expect(formatAmount(Number.MAX_SAFE_INTEGER)).toBe('9,007,199,254.740991');
  });

  it('writes the amounts of a coordinator, however large', () => {
    expect(formatWireAmount(9.852895)).toBe('9.852895');
    expect(formatWireAmount(-0.5, { sign: 'always' })).toBe('\u22120.50');
    expect(formatWireAmount(1e300)).toBe('1e+300');
    expect(formatWireAmount(9_007_199_254)).toBe('9,007,199,254.00');
    expect(formatWireAmount(9_007_199_255)).toBe('9007199255');
  });

  it('writes speeds, shares and layers', () => {
    expect(formatSpeed(4.25)).toBe('4.3');
    expect(formatSpeed(42.4)).toBe('42');
    expect(formatSpeed(0)).toBe('0');
    expect(formatTick(0.00060012)).toBe('0.0006');
    expect(formatTick(8_000_000)).toBe('8M');
    expect(formatPercent(0.624)).toBe(`62${space}%`);
    expect(formatLayers(0, 3)).toBe('0-3');
    expect(formatLayers(4, 4)).toBe('4');
  });

  it('writes memory in steps of 1,024', () => {
    expect(formatBytes(0)).toBe(`0${space}B`);
    expect(formatBytes(1_024)).toBe(`1${space}kB`);
    expect(formatBytes(1_048_575)).toBe(`1${space}MB`);
    expect(formatBytes(3.4 * 1_048_576)).toBe(`3.4${space}MB`);
    expect(formatBytes(16 * 1_073_741_824)).toBe(`16${space}GB`);
  });

  it('shortens long ids only', () => {
    expect(shortenId('node-1')).toBe('node-1');
    expect(shortenId('0190a3c2-aaaa-bbbb-cccc-0123456789ab')).toBe('0190…89ab');
  });
});
