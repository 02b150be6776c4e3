import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InferenceCost, Turn } from './session';
import { agreementTotalsOf, amountInUnit, checkStatement, costTermsOf, GFT_TERMS, statementOf } from './session-costs';

function turn(seq: number, participant: string, amount: number | null, unit = 'GFT'): Turn {
  const cost: InferenceCost = {
    amount: amount ?? 0,
    unit,
    model_id: 'm',
    coordinator_id: 'c',
    input_tokens: 3,
    output_tokens: 2,
    ledger_ref: `l-${seq}`,
    confirmed_at: '2026-01-01T00:00:00Z',
  };
  return {
    id: `t-${seq}`,
    seq,
    participant_id: participant,
    author: amount === null ? 'human' : 'model',
    created_at: '2026-01-01T00:00:00Z',
    content: [],
    ...(amount === null ? {} : { inference_cost: cost }),
  };
}

const session = { id: 's', title: 'S', agreement_ref: 'a' };
const people = [
  { id: 'p', display_name: 'Ada' },
  { id: 'q', display_name: 'Ben' },
];

describe('a statement', () => {
  it('sums what was settled, by participant and unit, and leaves the rest out', () => {
    const turns = [turn(1, 'p', null), turn(2, 'p', 0.1), turn(3, 'q', 0.2), turn(4, 'p', 0.2), turn(5, 'q', 3, 'EUR')];
    const statement = statementOf(session, people, turns, '2026-01-02T00:00:00Z');
    expect(statement.lines.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
    expect(statement.through_seq).toBe(5);
    expect(statement.totals.map(({ unit, amount, turns: count }) => [unit, amount, count])).toEqual([
      ['GFT', 0.5, 3],
      ['EUR', 3, 1],
    ]);
    expect(statement.participants.map(({ display_name: name, totals }) => [name, totals[0]?.amount])).toEqual([
      ['Ada', 0.3],
      ['Ben', 0.2],
    ]);
  });

  it('sums decimals as people do, in any number', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 50 }), (micro) => {
        const turns = micro.map((amount, index) => turn(index + 1, 'p', amount / 1_000_000));
        const [total] = statementOf(session, people, turns, '').totals;
        const sum = micro.reduce((before, amount) => before + BigInt(amount), 0n);
        expect(total?.amount).toBe(Number(sum) / 1_000_000);
      }),
    );
  });

  it('is summed over every session under the same agreement, known by its signatures', () => {
    const agreement = (id: string, ...values: string[]) =>
      ({ id, signatures: values.map((value) => ({ value })) }) as unknown as Parameters<typeof agreementTotalsOf>[0];
    const under = (signed: ReturnType<typeof agreement> | null, amount: number) => ({
      agreement: signed,
      turns: [turn(1, 'p', amount, 'credits'), turn(2, 'q', null)],
    });
    const sessions = [
      under(agreement('a', 'x', 'y'), 0.1),
      under(agreement('a', 'y', 'x'), 0.2),
      under(agreement('a', 'forged'), 7),
      under(agreement('b', 'x', 'y'), 7),
      under(null, 7),
    ];
    expect(agreementTotalsOf(agreement('a', 'x', 'y'), sessions)).toEqual({
      sessions: 2,
      totals: [{ unit: 'credits', amount: 0.3, turns: 2, inputTokens: 6, outputTokens: 4 }],
    });
  });

  it('is checked line by line against the ledger', () => {
    const { lines } = statementOf(session, people, [turn(1, 'p', 0.1), turn(2, 'p', 0.2), turn(3, 'p', 0.3)], '');
    const word = (seq: number, gft: number) => ({ turn_id: `t-${seq}`, ledger_ref: `l-${seq}`, gft });
    const ledger = { coordinatorId: 'c', terms: GFT_TERMS };
    const verdicts = (words: Parameters<typeof checkStatement>[1], at = ledger) =>
      checkStatement(lines, words, at).map(({ verdict }) => verdict);
    expect(verdicts([word(1, 0.1), word(2, 0.25)])).toEqual(['confirmed', 'differs', 'missing']);
    expect(verdicts([{ ...word(1, 0.1), turn_id: 'other' }])[0]).toBe('missing');
    expect(verdicts([word(1, 0.1)], { ...ledger, coordinatorId: 'd' })[0]).toBe('other-coordinator');
    // The word of a coordinator whose people take part over a link, as the host passes it on.
    const passedOn = { ...word(1, 0.1), coordinator_id: 'c' };
    expect(verdicts([passedOn], { ...ledger, coordinatorId: 'd' })[0]).toBe('confirmed');
  });
});

describe('the unit of a session', () => {
  const terms = (cost: object) => costTermsOf({ terms: { cost } } as Parameters<typeof costTermsOf>[0]);

  it('is that of the agreement when there is a way to it from GFT', () => {
    expect(terms({ unit: 'EUR', rate: 2.5 })).toEqual({ unit: 'EUR', rate: 2.5 });
    expect(terms({ unit: 'EUR' })).toEqual(GFT_TERMS);
    expect(terms({ unit: 'GFT', rate: 7 })).toEqual(GFT_TERMS);
    expect(costTermsOf(null)).toEqual(GFT_TERMS);
    expect(amountInUnit(341, { unit: 'EUR', rate: 2.5 })).toBe(0.000853);
    expect(amountInUnit(341, GFT_TERMS)).toBe(0.000341);
  });
});
