import { describe, expect, it } from 'vitest';
import { codeOf } from '../testdata/tore-tiny';
import { CacheBudget } from './cache-budget';

describe('CacheBudget', () => {
  it('counts whole pages and takes promises back', () => {
    const budget = new CacheBudget(10 * 256, 1);
    expect(codeOf(budget.promise('a', 257))).toBe('ok');
    expect(budget.promisedBytes).toBe(320);
    expect(codeOf(budget.promise('b', 2_241))).toBe('kv-budget');
    expect(codeOf(budget.promise('b', 2_240))).toBe('ok');
    budget.release('a');
    expect(budget.promisedBytes).toBe(2_240);
  });

  it('spares what is neither promised nor held', () => {
    const budget = new CacheBudget(10 * 64, 1);
    expect(codeOf(budget.promise('a', 3 * 64))).toBe('ok');
    expect(budget.spareBytes(64)).toBe(7 * 64);
    expect(budget.spareBytes(6 * 64)).toBe(4 * 64);
  });

  it('says whether waiting can help', () => {
    const result = new CacheBudget(256, 1).promise('a', 257);
    expect(!result.ok && result.error.retryable).toBe(false);
  });

  it('limits the number of sequences', () => {
    const budget = new CacheBudget(Number.MAX_SAFE_INTEGER, 1);
    for (let index = 0; index < 256; index++) expect(codeOf(budget.promise(`${index}`, 1))).toBe('ok');
    expect(codeOf(budget.promise('one more', 1))).toBe('sequence-limit');
  });
});
