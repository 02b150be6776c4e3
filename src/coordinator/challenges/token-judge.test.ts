import { expect, it } from 'vitest';
import { agreeOnTokens, compareTokens, type DrawnTokens } from './token-judge';

const drawn = (ids: readonly number[]): DrawnTokens => ids.map((id) => [id]);
const twenty = Array.from({ length: 20 }, (_, index) => index);

it('compares tokens place by place, and not the steps that only fill a cache', () => {
  expect(compareTokens([null, [1], [2]], [null, [1], [3]])).toEqual({ compared: 2, same: 1 });
  expect(compareTokens([[1, 2, 3]], [[1, 2, 4]])).toEqual({ compared: 3, same: 2 });
});

it('ends where one took more guesses than the other, and counts that as one difference', () => {
  expect(compareTokens([[1, 2, 3], [4]], [[1, 2], [4]])).toEqual({ compared: 3, same: 2 });
});

it('wants nine of ten to be the same', () => {
  const [one, two] = [[...twenty], [...twenty]];
  one[3] = 99;
  two[3] = 99;
  two[4] = 99;
  two[5] = 99;
  expect(agreeOnTokens(drawn(twenty), drawn(one))).toMatchObject({ agreed: true });
  expect(agreeOnTokens(drawn(twenty), drawn(two))).toMatchObject({
    agreed: false,
    finding: 'Compared with an independent node: 17 of 20 tokens are the same.',
  });
});

it('says nothing about a short answer', () => {
  expect(agreeOnTokens(drawn(twenty.slice(1)), drawn(twenty.slice(1)))).toBeNull();
});
