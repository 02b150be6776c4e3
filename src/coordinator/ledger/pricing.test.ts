import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countRangeRequestFlops } from '../../protocol/compute/flops';
import { testManifest } from '../testing/test-model';
import { affordableTokens, maximumInputTokens, maximumPrice, requestPrice } from './pricing';
import { settlementDrafts } from './settlement';

const { shape } = testManifest();
const precision = fc.constantFrom('fp32', 'fp16', 'int8', 'int4');

describe('maximumPrice', () => {
  it('bounds every request that the limits allow', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        precision,
        (maximumInput, maxNewTokens, inputShare, outputShare, chosen) => {
          const input = Math.max(1, Math.min(shape.context_length - 1, Math.round(maximumInput * inputShare)));
          const room = Math.min(maxNewTokens, shape.context_length - input);
          const output = Math.max(1, Math.round(room * outputShare));
          const bound = maximumPrice(shape, maximumInput, maxNewTokens, chosen);
          expect(requestPrice(shape, input, output, chosen)).toBeLessThanOrEqual(bound);
        },
      ),
    );
  });

  it('grows with the tokens asked for, so that the largest affordable number can be searched for', () => {
    expect(affordableTokens(shape, 5, 50, 'fp32', maximumPrice(shape, 5, 9, 'fp32'))).toBe(9);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 200 }),
        fc.nat(100_000),
        (input, asked, funds) => {
          const tokens = affordableTokens(shape, input, asked, 'fp32', funds);
          const fits = tokens === 0 || maximumPrice(shape, input, tokens, 'fp32') <= funds;
          const isLargest = tokens === asked || maximumPrice(shape, input, tokens + 1, 'fp32') > funds;
          return fits && isLargest;
        },
      ),
    );
  });
});

describe('maximumInputTokens', () => {
  it('counts bytes, not characters', () => {
    expect(maximumInputTokens({ prompt: 'ğ'.repeat(10) })).toBeGreaterThanOrEqual(20);
    const chat = [{ role: 'user' as const, content: 'hello' }];
    expect(maximumInputTokens({ messages: chat, chatTemplate: 'x'.repeat(100) })).toBeGreaterThan(105);
  });
});

describe('settlementDrafts', () => {
  const served = [
    { nodeId: 'b', range: { layer_start: 0, layer_end: 2 }, multiplier: 2, reliability: 0.5 },
    { nodeId: 'c', range: { layer_start: 3, layer_end: 7 }, multiplier: 1, reliability: 1 },
  ];
  const work = {
    requesterId: 'a',
    requestId: 'r',
    shape,
    precision: 'fp32' as const,
    inputTokens: 5,
    outputTokens: 7,
    served,
  };

  it('pays each node for its layers, and what they delivered adds up to what was consumed', () => {
    const { priceMicroGft, drafts } = settlementDrafts(work, 1e12, '2027-01-01T00:00:00Z');
    const [redemption, ...issuances] = drafts;
    expect(redemption).toMatchObject({ eventType: 'redemption', nodeId: 'a', amountMicroGft: -priceMicroGft });
    expect(issuances.map((draft) => draft.nodeId)).toEqual(['b', 'c']);
    const delivered = issuances.reduce((sum, draft) => sum + (draft.flopsDelivered ?? 0), 0);
    expect(delivered).toBeCloseTo(redemption?.flopsConsumed ?? 0, 6);
    const flops = countRangeRequestFlops(shape, { layer_start: 0, layer_end: 2 }, 5, 7);
    expect(issuances[0]?.amountMicroGft).toBe(Math.round((flops / 1e9) * 2 * 0.5 * 1e6));
  });

  it('never charges more than was set aside, and nothing for nothing', () => {
    expect(settlementDrafts(work, 3, '').priceMicroGft).toBe(3);
    expect(settlementDrafts({ ...work, outputTokens: 0 }, 100, '')).toEqual({ priceMicroGft: 0, drafts: [] });
  });
});
