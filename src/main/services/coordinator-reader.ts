import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';

/** The part of the node that reads from its coordinator. */
export interface CoordinatorSource {
  snapshot(): NodeSnapshot;
  /** `GET` of a path at the coordinator the node uses, with its access token. */
  fetchJson(path: string): Promise<Result<unknown>>;
}

/** Reads an answer of the coordinator; one of another form than its schema is a failure that names the path. */
export async function readFromCoordinator<Schema extends TSchema>(
  source: CoordinatorSource,
  path: string,
  schema: Schema,
): Promise<Result<Static<Schema>>> {
  const answer = await source.fetchJson(path);
  if (!answer.ok) return answer;
  if (Value.Check(schema, answer.value)) return success(answer.value as Static<Schema>);
  const place = Value.Errors(schema, answer.value)[0]?.instancePath ?? '';
  return mainFailure(
    'answer-invalid',
    `The coordinator answered ${path.split('?')[0]} in a form this app cannot read.`,
    {
      suggestion: place === '' ? 'It may be of another version.' : `It may be of another version (at ${place}).`,
    },
  );
}
