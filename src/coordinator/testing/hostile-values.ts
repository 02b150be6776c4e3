import fc from 'fast-check';

/** The part of JSON Schema our own schemas use. */
export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
}

/** Longest text and list made for a field, so that runs stay short. */
const SIZE = 12;

/** Values a schema should refuse, and that have broken programs before. */
const HOSTILE: readonly unknown[] = [
  null,
  '',
  '\0',
  'a\0b',
  '\uD800',
  '../../etc/passwd',
  "'; drop table nodes; --",
  '__proto__',
  'x'.repeat(5_000),
  -1,
  0.5,
  2 ** 53,
  1e308,
  -1e308,
  true,
  [],
  {},
  [[[[[[[[[[]]]]]]]]]],
  { __proto__: null, constructor: { prototype: {} } },
];

function text(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern), { size: 'small' });
  const minLength = Math.min(schema.minLength ?? 0, SIZE);
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(schema.maxLength ?? SIZE, SIZE)) });
}

function object(schema: Schema): fc.Arbitrary<unknown> {
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [name, fitting(member)] as const);
  return fc.record(Object.fromEntries(members), { requiredKeys: [...(schema.required ?? [])] });
}

/** Values that fit a schema, as far as its types say it. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map(fitting));
  const [min, max] = [schema.minimum ?? -1_000, schema.maximum ?? 1_000];
  switch (schema.type) {
    case 'string':
      return text(schema);
    case 'integer':
      return fc.integer({ min: Math.ceil(min), max: Math.floor(Math.min(max, 2 ** 31)) });
    case 'number':
      return fc.double({ min, max, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(schema.items === undefined ? fc.constant(null) : fitting(schema.items), { maxLength: 3 });
    case 'object':
      return object(schema);
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
}

function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))];
}

function replaced(value: unknown, path: readonly string[], hostile: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return hostile;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((member, index) => (String(index) === name ? replaced(member, rest, hostile) : member));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === name ? replaced(member, rest, hostile) : member]),
  );
}

/** Values that nearly fit: one that fits, with one part of it replaced by something hostile or taken as it is. */
export function nearlyFitting(schema: Schema): fc.Arbitrary<unknown> {
  const hostile = fc.constantFrom(...HOSTILE);
  return fc.tuple(fitting(schema), hostile, fc.nat(), fc.boolean()).map(([value, replacement, choice, isChanged]) => {
    if (!isChanged) return value;
    const paths = pathsOf(value);
    return replaced(value, paths[choice % paths.length] ?? [], replacement);
  });
}
