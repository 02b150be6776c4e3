import { Type, type TSchema } from 'typebox';
import { expect, it } from 'vitest';
import { validatorCompiler } from './validation';

const Inner = Type.Object({ count: Type.Integer(), note: Type.Optional(Type.String()) });
const Body = Type.Object({
  name: Type.String(),
  size: Type.Optional(Type.Number({ default: 3 })),
  kept: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  inner: Type.Optional(Type.Union([Inner, Type.Null()])),
  list: Type.Optional(Type.Array(Inner)),
});

function read(body: unknown, schema: TSchema = Body): unknown {
  const validate = validatorCompiler({ schema, method: 'POST', url: '/', httpPart: 'body' });
  const result: unknown = validate(body);
  return typeof result === 'object' && result !== null && 'value' in result ? result.value : 'refused';
}

it('takes null for a field that may be left out, at any depth, with its default', () => {
  expect(read({ name: 'a', size: null, kept: null, inner: { count: 1, note: null }, list: [null] })).toBe('refused');
  expect(read({ name: 'a', size: null, kept: null, inner: { count: 1, note: null }, list: null })).toEqual({
    name: 'a',
    size: 3,
    kept: null,
    inner: { count: 1 },
  });
  expect(read({ name: 'a', list: [{ count: 1, note: null }], more: null })).toEqual({
    name: 'a',
    size: 3,
    list: [{ count: 1 }],
    more: null,
  });
});

it('refuses null for what is needed', () => {
  expect(read({ name: null })).toBe('refused');
  expect(read({ name: 'a', inner: { count: null } })).toBe('refused');
  expect(read(null)).toBe('refused');
});
