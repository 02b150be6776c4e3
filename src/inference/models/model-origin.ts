import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { fileExists, readJsonFile } from './file-reading';

/** Name of the note beside a model's files that says where they came from. */
export const ORIGIN_FILE = 'tore-origin.json';
const MAX_ORIGIN_BYTES = 10_000;

/** Where a folder's files came from; part of the manifest, so that all who fetched the same get the same hash. */
const ModelOrigin = Type.Object({
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  /** Address of the folder the files were read from, with the exact version in it. */
  source: Type.String({ minLength: 1, maxLength: 2_000 }),
  licence: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]),
});
export type ModelOrigin = Static<typeof ModelOrigin>;
const originCheck = Compile(ModelOrigin);

/** Reads the note, null where there is none. */
export async function readOrigin(folder: string): Promise<Result<ModelOrigin | null, EngineErrorCode>> {
  const path = join(folder, ORIGIN_FILE);
  if (!(await fileExists(path))) return success(null);
  const read = await readJsonFile(path, ORIGIN_FILE, MAX_ORIGIN_BYTES);
  if (!read.ok) return read;
  if (originCheck.Check(read.value)) return success(read.value);
  return engineFailure('model-invalid', `${ORIGIN_FILE} does not say where the model came from.`, {
    suggestion: 'Remove it, or import the model again.',
  });
}
