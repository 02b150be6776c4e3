import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ledgerEntryText, type HashedEntry } from './ledger-text';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const optionalText = fc.option(text);
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const optionalNumber = fc.option(number);
const entry: fc.Arbitrary<HashedEntry> = fc.record({
  id: text,
  event_type: fc.constantFrom('issuance', 'redemption', 'purchase', 'expiry', 'penalty'),
  node_id: text,
  amount: number,
  task_id: optionalText,
  flops_delivered: optionalNumber,
  hardware_multiplier: optionalNumber,
  reliability_factor: optionalNumber,
  inference_request_id: optionalText,
  flops_consumed: optionalNumber,
  reason: optionalText,
  previous_hash: text,
  timestamp: text,
  expires_at: optionalText,
});

it('writes the canonical JSON of an entry, as the general way does', () => {
  fc.assert(
    fc.property(entry, (one) => {
      expect(ledgerEntryText(one)).toBe(canonicalize(one));
    }),
  );
});

it('has no text for what RFC 8785 has none for', () => {
  const [sample] = fc.sample(entry, 1);
  if (sample === undefined) throw new Error('there is a sample');
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => ledgerEntryText({ ...sample, amount: value })).toThrow(TypeError);
  }
  for (const reason of ['\uD83D', 'a\uDE00b', '\uDE00\uD83D']) {
    expect(() => ledgerEntryText({ ...sample, reason })).toThrow(TypeError);
    expect(() => canonicalize({ ...sample, reason })).toThrow('surrogate');
  }
});
