import { SENTENCES_BY_PATTERN } from './fields';
import { ProblemList, quoted, type Path } from './problems';

/*
 * Says in sentences why a value does not fit a schema. The compiled schema decides whether a document is valid; this runs
 * only after it said no, because its own messages cannot tell which branch of a union was meant. Descends as deep as the
 * schema does, never deeper, so the depth of the document does not matter.
 */

/** The keywords our schemas use. A schema with others is still explained, by its general sentence. */
interface SchemaNode {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly not?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function fieldOf(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Whether an object says by a fixed field (`type`, `storage`, `tore_spec`) that it is meant for another branch. */
function contradicts(schema: SchemaNode, value: unknown): boolean {
  if (!isObject(value)) return false;
  return Object.entries(schema.properties ?? {}).some(([name, property]) => {
    const field = fieldOf(value, name);
    if (field === undefined) return false;
    if (Object.hasOwn(property, 'const')) return property.const !== field;
    return isExcluded(property, field);
  });
}

function isExcluded(schema: SchemaNode, value: unknown): boolean {
  const not = schema.not;
  return isObject(not) && Array.isArray(not['enum']) && not['enum'].includes(value);
}

function explainUnion(branches: readonly SchemaNode[], value: unknown, path: Path, problems: ProblemList): void {
  const withoutNull = value === null ? branches : branches.filter(({ type }) => type !== 'null');
  if (withoutNull.every((branch) => Object.hasOwn(branch, 'const'))) {
    const words = withoutNull.map((branch) => JSON.stringify(branch.const)).join(', ');
    if (!withoutNull.some((branch) => branch.const === value)) problems.add(path, `This must be one of ${words}.`);
    return;
  }
  const typed = withoutNull.filter(({ type }) => type === undefined || hasType(value, type));
  if (typed.length === 0) {
    const names = [...new Set(withoutNull.map(({ type }) => TYPE_NAMES[type ?? ''] ?? 'another value'))];
    problems.add(path, `This must be ${names.join(' or ')}.`);
    return;
  }
  const meant = typed.filter((branch) => !contradicts(branch, value));
  let best: ProblemList | null = null;
  for (const branch of meant.length === 0 ? typed : meant) {
    const found = new ProblemList();
    explain(branch, value, path, found);
    if (found.problems.length === 0) return;
    if (best === null || found.problems.length < best.problems.length) best = found;
  }
  problems.addAll(best?.problems ?? []);
}

function explainText(schema: SchemaNode, value: string, path: Path, problems: ProblemList): void {
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    problems.add(path, 'This must not be empty.');
  } else if (schema.maxLength !== undefined && [...value].length > schema.maxLength) {
    problems.add(path, `This text is longer than ${formatCount(schema.maxLength)} characters.`);
  } else if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    problems.add(path, SENTENCES_BY_PATTERN[schema.pattern] ?? `This must match ${schema.pattern}.`);
  }
}

function explainNumber(schema: SchemaNode, value: number, path: Path, problems: ProblemList): void {
  if (schema.minimum !== undefined && value < schema.minimum) {
    problems.add(path, `This must be at least ${formatCount(schema.minimum)}.`);
  } else if (schema.maximum !== undefined && value > schema.maximum) {
    problems.add(path, `This must be at most ${formatCount(schema.maximum)}.`);
  }
}

function explainList(schema: SchemaNode, value: readonly unknown[], path: Path, problems: ProblemList): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    problems.add(path, `This list must have at least ${formatCount(schema.minItems)} entries.`);
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    problems.add(path, `This list has more than ${formatCount(schema.maxItems)} entries.`);
    return;
  }
  if (schema.items === undefined) return;
  for (let index = 0; index < value.length && !problems.full; index += 1) {
    explain(schema.items, value[index], [...path, index], problems);
  }
}

function explainObject(
  schema: SchemaNode,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  problems: ProblemList,
): void {
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) problems.add(path, `The field ${quoted(name)} is missing.`);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (problems.full) return;
    if (Object.hasOwn(value, name)) explain(property, value[name], [...path, name], problems);
  }
}

/** Adds a sentence for every place where `value` does not fit `schema`. */
export function explain(schema: SchemaNode, value: unknown, path: Path, problems: ProblemList): void {
  if (problems.full) return;
  for (const part of schema.allOf ?? []) explain(part, value, path, problems);
  if (schema.anyOf !== undefined) explainUnion(schema.anyOf, value, path, problems);
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    problems.add(path, `This must be ${TYPE_NAMES[schema.type] ?? schema.type}.`);
    return;
  }
  if (Object.hasOwn(schema, 'const') && schema.const !== value) {
    problems.add(path, `This must be ${JSON.stringify(schema.const)}.`);
  } else if (isExcluded(schema, value)) {
    problems.add(path, 'This value has a meaning of its own and does not fit here.');
  } else if (typeof value === 'string') explainText(schema, value, path, problems);
  else if (typeof value === 'number') explainNumber(schema, value, path, problems);
  else if (Array.isArray(value)) explainList(schema, value, path, problems);
  else if (isObject(value)) explainObject(schema, value, path, problems);
}
