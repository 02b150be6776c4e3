import { DOCUMENT_LIMITS } from './limits';

/** One thing that is wrong, and where. */
export interface Problem {
  /** JSON Pointer (RFC 6901) to the value that is wrong, or to the object that lacks a field. `''` is the document. */
  readonly pointer: string;
  /** A whole sentence. */
  readonly message: string;
}

/** Steps from the document to a value: field names and positions in lists. */
export type Path = readonly (string | number)[];

/** Writes a path as a JSON Pointer. */
export function pointerOf(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Collects problems and stops at the limit, so that a hopeless document costs no more than a slightly wrong one. */
export class ProblemList {
  readonly #problems: Problem[] = [];
  readonly #limit: number;

  constructor(limit: number = DOCUMENT_LIMITS.maxProblems) {
    this.#limit = limit;
  }

  /** Whether looking further is useless. */
  get full(): boolean {
    return this.#problems.length >= this.#limit;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  add(path: Path, message: string): void {
    if (!this.full) this.#problems.push({ pointer: pointerOf(path), message });
  }

  addAll(problems: readonly Problem[]): void {
    this.#problems.push(...problems.slice(0, this.#limit - this.#problems.length));
  }
}

/** Longest quotation from a document in a message. */
const MAX_QUOTED_CHARACTERS = 60;

/** Quotes a name or an id for a message; cuts long ones and makes invisible characters visible. */
export function quoted(text: string): string {
  const characters = [...text];
  return JSON.stringify(
    characters.length <= MAX_QUOTED_CHARACTERS ? text : `${characters.slice(0, MAX_QUOTED_CHARACTERS).join('')}…`,
  );
}
