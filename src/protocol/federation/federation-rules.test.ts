import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FEDERATION_LIMITS } from './limits';
import {
  grantOf,
  isWithinHours,
  microAmount,
  settlementTermsOf,
  termsRefusal,
  type AskedRequest,
  type FederationGrant,
} from './grant';
import { keepsNewLink, NEW_LINK, nextLinkState, retryDelayMs, type LinkEvent, type LinkState } from './link-state';
import {
  nextServerState,
  takeSettlement,
  type ConsumerState,
  type ServerState,
  type SettlementProblem,
} from './settlement';
import { differencesOf, totalsOf, type StatementEntry } from './statement';

const linkEvent: fc.Arbitrary<LinkEvent> = fc.oneof(
  fc.constant<LinkEvent>({ kind: 'greet' }),
  fc.constant<LinkEvent>({ kind: 'proved' }),
  fc.constant<LinkEvent>({ kind: 'lost', reason: 'gone', retryAfterMs: 100 }),
  fc.constant<LinkEvent>({ kind: 'cut' }),
  fc.constant<LinkEvent>({ kind: 'resumed' }),
  fc.constant<LinkEvent>({ kind: 'barred', reason: 'over' }),
  fc.constant<LinkEvent>({ kind: 'allowed' }),
);

function after(events: readonly LinkEvent[]): LinkState {
  return events.reduce<LinkState>((state, event) => nextLinkState(state, event, 0), NEW_LINK);
}

describe('the state of a link', () => {
  it('is never up between a cut and its resumption, nor while there is no agreement', () => {
    fc.assert(
      fc.property(fc.array(linkEvent), fc.array(linkEvent), (before, between) => {
        const cut = after([...before, { kind: 'cut' }, ...between.filter(({ kind }) => kind !== 'resumed')]);
        expect(['cut', 'barred']).toContain(cut.kind);
        const barred = after([
          ...before,
          { kind: 'barred', reason: 'over' },
          ...between.filter(({ kind }) => kind !== 'allowed'),
        ]);
        expect(barred.kind).toBe('barred');
      }),
    );
  });

  it('comes back where it was left: a cut outlives an agreement that pauses', () => {
    expect(after([{ kind: 'cut' }, { kind: 'barred', reason: 'x' }, { kind: 'allowed' }])).toEqual({ kind: 'cut' });
    expect(after([{ kind: 'barred', reason: 'x' }, { kind: 'cut' }, { kind: 'resumed' }, { kind: 'allowed' }])).toEqual(
      NEW_LINK,
    );
  });

  it('waits longer after each failure, within bounds', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, noNaN: true }), (failures, spread) => {
        const delay = retryDelayMs(failures, 1_000, spread);
        expect(delay).toBeGreaterThanOrEqual(500);
        expect(delay).toBeLessThanOrEqual(FEDERATION_LIMITS.maxRetryMs);
        expect(retryDelayMs(failures + 1, 1_000, spread)).toBeGreaterThanOrEqual(delay);
      }),
    );
  });

  it('leaves both sides with the same one of two links that were made at once', () => {
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const [first, second] = order.map((dialerKey) => ({ dialerKey })) as [
        { dialerKey: string },
        { dialerKey: string },
      ];
      expect(keepsNewLink(first, second) ? second.dialerKey : first.dialerKey).toBe('a');
    }
    expect(keepsNewLink({ dialerKey: 'b' }, { dialerKey: 'b' })).toBe(true);
  });
});

describe('the terms', () => {
  const base: FederationGrant = { kind: 'federation', served_by: 'b', models: ['m'] };
  const usage = { nowMs: Date.parse('2026-03-01T12:00:00Z'), lastMinute: 0, running: 0, microAmount: 0 };
  const asked: AskedRequest = { modelId: 'm', maxNewTokens: 10, microAmount: 5 };

  it('name the first limit a request breaks', () => {
    const cases: [Partial<FederationGrant>, Partial<typeof usage>, Partial<AskedRequest>, string | null][] = [
      [{}, {}, {}, null],
      [{ models: 'any' }, {}, { modelId: 'other' }, null],
      [{}, {}, { modelId: 'other' }, 'terms-model'],
      [{ hours: { from: '09:00', to: '12:00' } }, {}, {}, 'terms-hours'],
      [{ hours: { from: '09:00', to: '12:01' } }, {}, {}, null],
      [{ hours: { from: '22:00', to: '06:00' } }, {}, {}, 'terms-hours'],
      [{ max_new_tokens: 9 }, {}, {}, 'terms-tokens'],
      [{ max_new_tokens: 10 }, {}, {}, null],
      [{ max_requests_at_once: 2 }, { running: 2 }, {}, 'terms-rate'],
      [{}, { running: FEDERATION_LIMITS.maxRequestsAtOnce }, {}, 'terms-rate'],
      [{ max_requests_per_minute: 3 }, { lastMinute: 3 }, {}, 'terms-rate'],
      [{ max_amount: 0.00001 }, { microAmount: 5 }, {}, null],
      [{ max_amount: 0.00001 }, { microAmount: 6 }, {}, 'terms-total'],
      [{ data: 'requester-ends' }, {}, {}, 'terms-data'],
      [{ data: 'served-whole' }, {}, {}, null],
      [{ data: 'served-whole' }, {}, { layers: { first: 0, last: 3, total: 8 } }, null],
      [{ data: 'requester-ends' }, {}, { layers: { first: 0, last: 3, total: 8 } }, 'terms-data'],
      [{ data: 'requester-ends' }, {}, { layers: { first: 4, last: 7, total: 8 } }, 'terms-data'],
      [{ data: 'requester-ends' }, {}, { layers: { first: 1, last: 6, total: 8 } }, null],
      [{ models: ['org/other'] }, {}, { layers: { first: 1, last: 6, total: 8 } }, 'terms-model'],
    ];
    for (const [limits, used, wanted, code] of cases) {
      const refused = termsRefusal({ ...base, ...limits }, { ...usage, ...used }, { ...asked, ...wanted });
      expect([limits, refused?.code ?? null]).toEqual([limits, code]);
    }
    expect(termsRefusal(null, usage, asked)?.code).toBe('terms-missing');
  });

  it('are read from the resources of the agreement, for the party that serves', () => {
    const cost = { unit: 'GFT' };
    const terms = {
      purpose: '',
      resources: ['GPU hours', { kind: 'federation', served_by: 'b', models: 5 }, base, { ...base, served_by: 'a' }],
      cost,
      data_handling: '',
      effective_at: '2026-01-01T00:00:00Z',
      termination: '',
    };
    expect(grantOf({ terms }, 'b')).toBe(base);
    expect(grantOf({ terms }, 'c')).toBeNull();
    const rate = (changes: object): number =>
      settlementTermsOf({ terms: { ...terms, cost: { ...cost, ...changes } } }).rate;
    expect([rate({}), rate({ rate: 0 }), rate({ unit: 'hours' }), rate({ unit: 'hours', rate: 3 })]).toEqual([
      1, 0, 0, 3,
    ]);
    expect(microAmount(1_000_001, { unit: 'hours', rate: 0.5 })).toBe(500_001);
  });

  it('cover a time of day over midnight, and the whole day where it begins as it ends', () => {
    const at = (time: string): number => Date.parse(`2026-03-01T${time}:00Z`);
    const night = { from: '22:00', to: '06:00' };
    expect(['21:59', '22:00', '00:00', '05:59', '06:00'].map((time) => isWithinHours(night, at(time)))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(isWithinHours({ from: '08:00', to: '08:00' }, at('03:00'))).toBe(true);
  });
});

/** What the network of the property below does with messages: delivers, loses or repeats them, in any order. */
type Step = 'send' | 'deliver' | 'deliver-again' | 'lose' | 'receipt' | 'receipt-again' | 'lose-receipt' | 'crash';

describe('a settlement', () => {
  it('is booked once on the asking side, and forgotten by the serving side only when it is', () => {
    const steps = fc.array(
      fc.constantFrom<Step>(
        'send',
        'deliver',
        'deliver-again',
        'lose',
        'receipt',
        'receipt-again',
        'lose-receipt',
        'crash',
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (path) => {
        let server: ServerState = { kind: 'owed' };
        let consumer: ConsumerState = { kind: 'asked' };
        const books: string[] = [];
        let onTheWay: string[] = [];
        let receipts: string[] = [];
        const settlement = { server_ref: 's1', amount: 3 };
        const deliver = (): void => {
          const act = takeSettlement(consumer, settlement, null);
          if (act.kind === 'book') {
            books.push('c1');
            consumer = { kind: 'booked', serverRef: settlement.server_ref, amount: settlement.amount };
          }
          expect(act.kind).not.toBe('refuse');
          receipts.push('c1');
        };
        const run = (step: Step): void => {
          if (step === 'send' && server.kind === 'owed') onTheWay.push('s1');
          if (step === 'deliver' && onTheWay.pop() !== undefined) deliver();
          if (step === 'deliver-again' && onTheWay.length > 0) deliver();
          if (step === 'lose') onTheWay.pop();
          if (step === 'lose-receipt') receipts.pop();
          if (step === 'receipt-again' && receipts.length > 0) {
            server = nextServerState(server, { kind: 'receipt', consumerRef: 'c1' });
          }
          if (step === 'receipt' && receipts.pop() !== undefined) {
            server = nextServerState(server, { kind: 'receipt', consumerRef: 'c1' });
          }
          // Both sides keep what they have written; everything on the way is gone.
          if (step === 'crash') {
            onTheWay = [];
            receipts = [];
          }
          expect(books.length).toBeLessThanOrEqual(1);
          if (server.kind === 'acknowledged') expect(books).toEqual(['c1']);
        };
        for (const step of path) run(step);
        // The link comes back and holds for a moment.
        for (const step of ['crash', 'send', 'deliver', 'receipt'] as const) run(step);
        expect([books, server]).toEqual([['c1'], { kind: 'acknowledged', consumerRef: 'c1' }]);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused where nothing was asked, where it does not fit, and where another one is booked', () => {
    const one = { server_ref: 's1', amount: 3 };
    const found: SettlementProblem = { code: 'settlement-amount', message: 'too much' };
    const booked: ConsumerState = { kind: 'booked', serverRef: 's1', amount: 3 };
    expect(takeSettlement(null, one, null)).toMatchObject({ kind: 'refuse', problem: { code: 'settlement-unasked' } });
    expect(takeSettlement({ kind: 'asked' }, one, found)).toEqual({ kind: 'refuse', problem: found });
    expect(takeSettlement(booked, one, null)).toEqual({ kind: 'repeat-receipt' });
    for (const other of [
      { server_ref: 's2', amount: 3 },
      { server_ref: 's1', amount: 4 },
    ]) {
      expect(takeSettlement(booked, other, null)).toMatchObject({ problem: { code: 'settlement-conflict' } });
    }
  });

  it('stays signed for, whatever comes later, and a refusal gives way to a receipt', () => {
    const refused = nextServerState({ kind: 'owed' }, { kind: 'refusal', reason: 'too much' });
    expect(refused).toEqual({ kind: 'refused', reason: 'too much' });
    const signed = nextServerState(refused, { kind: 'receipt', consumerRef: 'c1' });
    expect(signed).toEqual({ kind: 'acknowledged', consumerRef: 'c1' });
    expect(nextServerState(signed, { kind: 'refusal', reason: 'x' })).toBe(signed);
    expect(nextServerState(signed, { kind: 'receipt', consumerRef: 'c2' })).toBe(signed);
  });
});

const entry: fc.Arbitrary<StatementEntry> = fc.record({
  request_id: fc.uuid(),
  served_by: fc.constantFrom('key-a', 'key-b'),
  model_id: fc.constant('m'),
  input_tokens: fc.nat(1_000),
  output_tokens: fc.nat(1_000),
  amount: fc.nat(1_000_000_000).map((micro) => micro / 1e6),
  settled_at: fc.nat(86_399_999).map((ms) => new Date(ms).toISOString()),
  server_ref: fc.uuid(),
  consumer_ref: fc.oneof(fc.uuid(), fc.constant(null)),
});
const entries = fc.uniqueArray(entry, { selector: ({ request_id: id }) => id, maxLength: 20 });

describe('a statement', () => {
  it('finds every difference between two ledgers, whatever their order, and none between equal ones', () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.integer({ min: 0, max: 2 }), (all, at, what) => {
        expect(differencesOf(all, all.toReversed())).toEqual([]);
        const chosen = all[at % Math.max(1, all.length)];
        if (chosen === undefined) return;
        const others = all.filter((one) => one !== chosen);
        const changed = { ...chosen, amount: chosen.amount + 1 };
        const [here, there, kind] = [
          [all, others, 'only-here'] as const,
          [others, all, 'only-there'] as const,
          [all, [...others, changed], 'differs'] as const,
        ][what] ?? [all, all, ''];
        expect(differencesOf(here, there)).toMatchObject([{ request_id: chosen.request_id, kind }]);
      }),
    );
  });

  it('sums exactly, to the millionth', () => {
    fc.assert(
      fc.property(entries, (all) => {
        for (const total of totalsOf(all)) {
          const own = all.filter((one) => one.served_by === total.served_by);
          const micro = own.reduce((sum, one) => sum + Math.round(one.amount * 1e6), 0);
          expect([total.requests, Math.round(total.amount * 1e6)]).toEqual([own.length, micro]);
        }
      }),
    );
  });
});
