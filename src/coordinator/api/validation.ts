import type { FastifySchemaCompiler } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Value } from 'typebox/value';
import type { ValidationIssue } from '../../protocol/compute/http/service';
import { holdsNul } from './unstorable-text';

/** Longest piece of a wrong input that is shown again. */
const MAX_SHOWN_INPUT = 200;
/** Issues in one answer. */
const MAX_ISSUES = 20;

/** Names of the baseline's validator for what a schema can complain about. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'string_type',
  integer: 'int_type',
  number: 'float_type',
  boolean: 'bool_type',
  array: 'list_type',
  object: 'model_type',
};
const KEYWORD_NAMES: Readonly<Record<string, string>> = {
  minimum: 'greater_than_equal',
  exclusiveMinimum: 'greater_than',
  maximum: 'less_than_equal',
  minLength: 'string_too_short',
  maxLength: 'string_too_long',
  pattern: 'string_pattern_mismatch',
  minItems: 'too_short',
  maxItems: 'too_long',
  const: 'literal_error',
  enum: 'literal_error',
  anyOf: 'literal_error',
};

/** A body, query or path that does not fit its schema; the error handler answers 422 with the issues. */
export class RequestInvalidError extends Error {
  override readonly name = 'RequestInvalidError';

  constructor(readonly issues: readonly ValidationIssue[]) {
    super('the request does not fit its schema');
  }
}

function shown(input: unknown): unknown {
  if (typeof input === 'string') return input.slice(0, MAX_SHOWN_INPUT);
  return typeof input === 'object' && input !== null ? null : (input ?? null);
}

function issuesOf(error: TLocalizedValidationError, part: string, value: unknown): ValidationIssue[] {
  const path = error.instancePath.split('/').slice(1);
  const loc = [part, ...path.map((step) => (/^\d+$/.test(step) ? Number(step) : step))];
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((name) => ({
      type: 'missing',
      loc: [...loc, name],
      msg: 'Field required',
      input: null,
    }));
  }
  const type =
    error.keyword === 'type' ? TYPE_NAMES[String(error.params.type)] : (KEYWORD_NAMES[error.keyword] ?? 'value_error');
  const input = value === undefined ? null : Value.Pointer.Get(value, error.instancePath);
  return [{ type: type ?? 'value_error', loc, msg: `Input ${error.message}`, input: shown(input) }];
}

/** What is wrong with a value, in the baseline's form. */
export function validationIssues(
  errors: readonly TLocalizedValidationError[],
  part: string,
  value: unknown,
): ValidationIssue[] {
  if (value === undefined || value === null)
    return [{ type: 'missing', loc: [part], msg: 'Field required', input: null }];
  // Members of a union complain each for itself; the complaint of the union says it once.
  const outer = errors.filter((error) => !error.schemaPath.includes('/anyOf/'));
  return (outer.length > 0 ? outer : errors).flatMap((error) => issuesOf(error, part, value)).slice(0, MAX_ISSUES);
}

const PART_NAMES: Readonly<Record<string, string>> = { body: 'body', querystring: 'query', params: 'path' };

/**
 * A copy without the nulls of fields that may be left out: many clients write absent fields so. Looked into are objects,
 * lists, and what may be an object or null.
 */
function withoutNulls(schema: TSchema, value: unknown): unknown {
  if (Type.IsUnion(schema)) {
    const [only, ...others] = schema.anyOf.filter((member) => !Type.IsNull(member));
    return only === undefined || others.length > 0 ? value : withoutNulls(only, value);
  }
  if (Type.IsArray(schema) && Array.isArray(value)) return value.map((item) => withoutNulls(schema.items, item));
  if (!Type.IsObject(schema) || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { properties } = schema;
  const required: readonly string[] = schema.required ?? [];
  const kept = Object.entries(value).flatMap(([name, field]): [string, unknown][] => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property === undefined) return [[name, field]];
    const isLeftOut = field === null && !required.includes(name) && !Value.Check(property, null);
    return isLeftOut ? [] : [[name, withoutNulls(property, field)]];
  });
  return Object.fromEntries(kept);
}

/**
 * Checks with the schema itself, fills defaults in, reads numbers out of queries and paths, and takes null as absent where
 * a field may be absent and the schema has no other meaning for null.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const checker = Compile(schema);
  const part = PART_NAMES[httpPart ?? ''] ?? 'body';
  const fill = (value: unknown): unknown => (value === undefined ? value : Value.Default(schema, value));
  return (received: unknown) => {
    const value = part === 'body' ? received : Value.Convert(schema, received);
    const whole = fill(value);
    // What fits is taken as it came: a signature may stand over its nulls.
    const filled = checker.Check(whole) ? whole : fill(withoutNulls(schema, whole));
    if (checker.Check(filled)) {
      if (!holdsNul(filled)) return { value: filled };
      const issue = {
        type: 'value_error',
        loc: [part],
        msg: 'Input holds U+0000, which cannot be stored',
        input: null,
      };
      return { error: new RequestInvalidError([issue]) };
    }
    return { error: new RequestInvalidError(validationIssues(checker.Errors(filled), part, filled)) };
  };
};
