import { expect, it } from 'vitest';
import { invitationCodeOf } from './invitation-code';

it.each([
  ['ABCD-EFGH-JKMN', 'ABCD-EFGH-JKMN'],
  [' ABCD-EFGH-\n JKMN ', 'ABCD-EFGH-JKMN'],
  ['short', null],
  ['', null],
  ['ABCD_EFGH_JKMN', null],
  ['a'.repeat(101), null],
])('reads %j as %j', (text, code) => {
  expect(invitationCodeOf(text)).toBe(code);
});
