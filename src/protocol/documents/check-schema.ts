import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { documentFailure, type DocumentResult } from './errors';
import { explain } from './explain-schema';
import { ProblemList, type Problem } from './problems';

/** Checks of a document that its schema cannot express; they may rely on the schema having said yes. */
export type DocumentCheck<Document> = (document: Document, problems: ProblemList) => void;

/** Builds the failure for a list of problems. `noun` is what the document should have been: `conversation`. */
export function invalidDocument(
  noun: string,
  problems: readonly Problem[],
): { readonly ok: false; readonly error: ReturnType<typeof documentFailure>['error'] } {
  const [first] = problems;
  const place = first === undefined || first.pointer === '' ? '' : ` (${first.pointer})`;
  const more =
    problems.length > 1
      ? ` There ${problems.length === 2 ? 'is 1 more problem' : `are ${problems.length - 1} more problems`}.`
      : '';
  return documentFailure(
    'invalid',
    `This is not a valid ${noun}: ${first?.message ?? 'It does not fit the schema.'}${place}${more}`,
    { problems },
  );
}

/**
 * Makes the validator of one kind of document: the schema first, then the checks. Unknown fields, content part types and
 * taxonomy values pass; the value is returned as it came, not copied.
 */
export function documentValidator<Schema extends TSchema>(
  schema: Schema,
  noun: string,
  check: DocumentCheck<Static<Schema>>,
): (value: unknown) => DocumentResult<Static<Schema>> {
  const compiled = Compile(schema);
  return (value) => {
    const problems = new ProblemList();
    if (!compiled.Check(value)) {
      explain(schema, value, [], problems);
      // The two must agree; should they ever not, a general sentence is better than a wrong yes.
      if (problems.problems.length === 0) problems.add([], `This does not fit the schema of a ${noun}.`);
      return invalidDocument(noun, problems.problems);
    }
    check(value, problems);
    return problems.problems.length === 0 ? { ok: true, value } : invalidDocument(noun, problems.problems);
  };
}
