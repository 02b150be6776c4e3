import { DOCUMENT_LIMITS } from './limits';

/**
 * Whether nothing in a value lies deeper than `maxDepth` arrays and objects. It looks without recursion, since what it is
 * asked about comes from outside: what recurses over such a value (writing it as JSON does) may run out of stack.
 */
export function isShallow(value: unknown, maxDepth: number = DOCUMENT_LIMITS.maxDepth): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= maxDepth) return false;
    level = level.flatMap((entry) => Object.values(entry).filter(isContainer));
  }
  return true;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * Parses JSON from outside that everybody behind may walk through, copy and write again.
 *
 * @throws `SyntaxError` where it is no JSON, or nests deeper than `maxDepth`
 */
export function parseShallowJson(text: string, maxDepth: number = DOCUMENT_LIMITS.maxDepth): unknown {
  const value: unknown = JSON.parse(text);
  if (!isShallow(value, maxDepth)) throw new SyntaxError(`it nests more than ${maxDepth} levels`);
  return value;
}
