import { Interpreter, type Environment } from '@huggingface/jinja';

type Statement = Parameters<Interpreter['evaluate']>[0];
type Value = ReturnType<Interpreter['evaluate']>;
type FunctionValue = Extract<Value, { value: (...args: never[]) => unknown }>;

/** What a template may do before it is stopped. A chat of 10,000 messages takes about half a million steps. */
export const TEMPLATE_LIMITS = {
  maxSteps: 1_000_000,
  /** Entries of one list. */
  maxEntries: 200_000,
  /** Entries of all lists that are made. */
  maxMadeEntries: 4_000_000,
  /** Characters of one text, beside eight times what the template was given. */
  maxText: 8_000_000,
  /** Characters of all texts that are made, beside 32 times what the template was given. */
  maxMadeText: 64_000_000,
  maxIndent: 64,
} as const;

/** A template asked for more than `TEMPLATE_LIMITS`. */
export class TemplateLimitError extends Error {}

/** A node under evaluation: its kind, and the values of its parts so far. */
interface Frame {
  readonly type: string;
  /** Name of the filter, for filters. */
  readonly filter: string | undefined;
  /** Statements whose text is the operand, for filters over blocks. */
  readonly bodyLength: number;
  readonly values: Value[];
}

/** Nodes whose text or list is new; others only pass on what there is. */
const MAKERS: ReadonlySet<string> = new Set([
  'StringLiteral',
  'ArrayLiteral',
  'TupleLiteral',
  'ObjectLiteral',
  'BinaryExpression',
  'FilterExpression',
  'FilterStatement',
  'CallExpression',
  'CallStatement',
  'MemberExpression',
  'For',
  'If',
  'Program',
]);
/** Nodes that write each value of their parts as text. */
const BLOCKS: ReadonlySet<string> = new Set([
  'For',
  'If',
  'Program',
  'Macro',
  'Set',
  'CallStatement',
  'FilterStatement',
]);
/** Characters and items of a list a comma and a quote may take beside the text. */
const WRITTEN_OVERHEAD = 4;

/**
 * Interprets a template within limits on steps, texts and lists, so that a hostile one costs a bounded amount of memory.
 * Where one operation could multiply sizes, they are checked before it runs.
 */
export class BoundedInterpreter extends Interpreter {
  readonly #maxText: number;
  readonly #maxMadeText: number;
  #frame: Frame = { type: 'Program', filter: undefined, bodyLength: 0, values: [] };
  #steps = 0;
  #madeText = 0;
  #madeEntries = 0;

  /** @param givenText - characters of the texts the template is given */
  constructor(environment: Environment, givenText: number) {
    super(environment);
    this.#maxText = TEMPLATE_LIMITS.maxText + 8 * givenText;
    this.#maxMadeText = TEMPLATE_LIMITS.maxMadeText + 32 * givenText;
  }

  override evaluate(statement: Statement, environment: Environment): Value {
    if (++this.#steps > TEMPLATE_LIMITS.maxSteps) throw new TemplateLimitError('it takes too many steps');
    const around = this.#frame;
    const own = frameOf(statement);
    this.#frame = own;
    let value: Value;
    try {
      value = super.evaluate(statement, environment);
    } finally {
      this.#frame = around;
    }
    if (MAKERS.has(own.type)) this.#charge(value);
    if (own.type === 'MemberExpression') value = this.#guardMethod(value, own.values[0]);
    around.values.push(value);
    if (BLOCKS.has(around.type) && isContainer(value)) this.#checkText(this.#writtenLength(value));
    this.#checkFrame(around);
    return value;
  }

  #charge(value: Value): void {
    if (typeof value.value === 'string') {
      this.#checkText(value.value.length);
      this.#madeText += value.value.length;
      if (this.#madeText > this.#maxMadeText) throw new TemplateLimitError('it makes too much text');
    } else if (isContainer(value)) {
      const entries = childrenOf(value).length;
      this.#madeEntries += entries;
      const isTooLong = entries > TEMPLATE_LIMITS.maxEntries || this.#madeEntries > TEMPLATE_LIMITS.maxMadeEntries;
      if (isTooLong) throw new TemplateLimitError('it makes too long lists');
    }
  }

  #checkText(length: number): void {
    if (length > this.#maxText) throw new TemplateLimitError('it makes too long texts');
  }

  /** Checks an operation that is about to run, when the last of its parts has a value. */
  #checkFrame({ type, filter, bodyLength, values }: Frame): void {
    if (type === 'BinaryExpression' && values.length === 2) {
      if (values.some(isContainer) && values.some((value) => typeof value.value === 'string')) {
        this.#checkText(values.reduce((sum, value) => sum + this.#writtenLength(value), 0));
      }
      return;
    }
    if (filter === undefined || values.length < Math.max(1, bodyLength)) return;
    const operands = bodyLength === 0 ? 1 : bodyLength;
    const length = values.slice(0, operands).reduce((sum, value) => sum + this.#writtenLength(value), 0);
    const args = values.slice(operands);
    const longestArgument = args.reduce((longest, { value }) => Math.max(longest, textLength(value)), 0);
    if (filter === 'replace') this.#checkReplacing(length, args);
    else if (filter === 'indent' || filter === 'tojson') {
      if (args.some(({ value }) => typeof value === 'number' && value > TEMPLATE_LIMITS.maxIndent)) {
        throw new TemplateLimitError('it indents too far');
      }
      this.#checkText(length * (1 + longestArgument));
    } else if (filter === 'join' || filter === 'string') {
      const pieces = values[0] !== undefined && isContainer(values[0]) ? childrenOf(values[0]).length : length;
      this.#checkText(length + pieces * longestArgument);
    }
  }

  #checkReplacing(length: number, args: readonly Value[]): void {
    const [old, by] = args.map(({ value }) => textLength(value));
    if (old !== undefined && by !== undefined) this.#checkText(length + (length / Math.max(1, old) + 1) * by);
  }

  /** Methods of texts that can make much of little check their arguments first. */
  #guardMethod(value: Value, object: Value | undefined): Value {
    const text = object?.value;
    if (object === undefined || typeof text !== 'string' || !isFunction(value)) return value;
    const isReplace = value === object.builtins.get('replace');
    if (!isReplace && value !== object.builtins.get('split')) return value;
    const Wrapped = value.constructor as new (run: FunctionValue['value']) => FunctionValue;
    return new Wrapped((args, scope) => {
      if (isReplace) this.#checkReplacing(text.length, args);
      else if (countPieces(text, args[0]?.value) > TEMPLATE_LIMITS.maxEntries) {
        throw new TemplateLimitError('it makes too long lists');
      }
      return value.value(args, scope);
    });
  }

  /** About the characters a value takes when it is written out; counts no further than the limit. */
  #writtenLength(value: Value): number {
    let length = 0;
    const pending: Value[] = [value];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      length += textLength(next.value) + WRITTEN_OVERHEAD;
      if (length > this.#maxText) return length;
      if (!isContainer(next)) continue;
      const children = childrenOf(next);
      length += children.length * WRITTEN_OVERHEAD;
      if (length > this.#maxText) return length;
      pending.push(...children);
    }
    return length;
  }
}

function frameOf(statement: Statement): Frame {
  const { type = '' } = statement ?? {};
  const filter = 'filter' in (statement ?? {}) ? filterName(statement as unknown as FilterNode) : undefined;
  const body = type === 'FilterStatement' && statement !== undefined && 'body' in statement ? statement.body : [];
  return { type, filter, bodyLength: Array.isArray(body) ? body.length : 0, values: [] };
}

interface FilterNode {
  readonly filter: { readonly value?: unknown; readonly callee?: { readonly value?: unknown } };
}

function filterName({ filter }: FilterNode): string | undefined {
  const name = filter.callee?.value ?? filter.value;
  return typeof name === 'string' ? name : undefined;
}

function textLength(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}

function isFunction(value: Value): value is FunctionValue {
  return typeof value.value === 'function';
}

function isContainer(value: Value): boolean {
  return Array.isArray(value.value) || value.value instanceof Map;
}

function childrenOf({ value }: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  return value instanceof Map ? [...(value as Map<string, Value>).values()] : [];
}

function countPieces(text: string, separator: unknown): number {
  if (typeof separator === 'string' && separator.length > 0) return countOccurrences(text, separator) + 1;
  return text.length / 2;
}

function countOccurrences(text: string, part: string): number {
  let count = 0;
  for (
    let at = text.indexOf(part);
    at >= 0 && count <= TEMPLATE_LIMITS.maxEntries;
    at = text.indexOf(part, at + part.length)
  ) {
    count++;
  }
  return count;
}
