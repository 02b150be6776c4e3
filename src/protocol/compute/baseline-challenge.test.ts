import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { baselineChallengeText } from './baseline-challenge';

const challenge = { prompt: 'p', layer_start: 0, layer_end: 15, model_id: 'm' };

describe('the text of a baseline challenge', () => {
  it('is the documented one, byte for byte', () => {
    expect(baselineChallengeText(challenge)).toBe(
      '{"layer_end": 15, "layer_start": 0, "model_id": "m", "prompt": "p", "temperature": 0.0}',
    );
  });

  it('escapes as the baseline serializer does', () => {
    // The expected text was printed by Python 3.11: json.dumps({...}, sort_keys=True).
    expect(baselineChallengeText({ ...challenge, prompt: 'é "q" \\ \n\t\u007f 😀 /' })).toBe(
      String.raw`{"layer_end": 15, "layer_start": 0, "model_id": "m", "prompt": "\u00e9 \"q\" \\ \n\t\u007f \ud83d\ude00 /", "temperature": 0.0}`,
    );
  });

  it('hashes to the value the baseline computes', () => {
    // Python 3.11: hashlib.sha256(json.dumps({...}, sort_keys=True).encode()).hexdigest()
    expect(createHash('sha256').update(baselineChallengeText(challenge)).digest('hex')).toBe(
      'b8339d03a01d3ded13892fa60e76617bb83c56829986b12835667a965a0953e7',
    );
  });
});
