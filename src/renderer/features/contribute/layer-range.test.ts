import { describe, expect, it } from 'vitest';
import { checkRange } from './layer-range';

describe('checkRange', () => {
  it('takes ranges inside the model', () => {
    expect(checkRange(0, 7, 8)).toEqual({ ok: true, start: 0, end: 7 });
    expect(checkRange(3, 3, 8)).toEqual({ ok: true, start: 3, end: 3 });
    expect(checkRange(0, 79, null).ok).toBe(true);
  });

  it('says what is wrong', () => {
    expect(checkRange('', 3, 8)).toEqual({ ok: false, problem: 'errorNumber', fields: ['start'] });
    expect(checkRange(0.5, 3, 8)).toEqual({ ok: false, problem: 'errorNumber', fields: ['start'] });
    expect(checkRange(-1, '', 8)).toEqual({ ok: false, problem: 'errorNumber', fields: ['start', 'end'] });
    expect(checkRange(0, 5_000, null)).toEqual({ ok: false, problem: 'errorNumber', fields: ['end'] });
    expect(checkRange(4, 3, 8)).toEqual({ ok: false, problem: 'errorOrder', fields: ['start', 'end'] });
    expect(checkRange(0, 8, 8)).toEqual({ ok: false, problem: 'errorTotal', fields: ['end'] });
  });
});
