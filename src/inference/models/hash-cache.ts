import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Sha256 } from '../../protocol/compute/model';
import { WeightIndex } from '../../protocol/compute/weight-index';
import { fileExists, readJsonFile } from './file-reading';

/** Bytes of the largest index of tensors, and room for the files. */
const MAX_CACHE_BYTES = 16 << 20;

/** What tells a file from another one at its path without reading it. */
const Fingerprint = Type.Object({
  path: Type.String({ maxLength: 400 }),
  size_bytes: Type.Integer({ minimum: 0 }),
  /** Texts, since numbers of JavaScript do not hold nanoseconds. */
  modified: Type.String({ maxLength: 40 }),
  changed: Type.String({ maxLength: 40 }),
  inode: Type.String({ maxLength: 40 }),
});
export type Fingerprint = Static<typeof Fingerprint>;

/** What reading a model's files whole gave. */
const ModelHashes = Type.Object({
  files: Type.Array(Type.Intersect([Fingerprint, Type.Object({ sha256: Sha256 })]), { maxItems: 2_000 }),
  weight_index: WeightIndex,
});
export type ModelHashes = Static<typeof ModelHashes>;
const hashesCheck = Compile(ModelHashes);

/** Takes the fingerprints of files. @throws what node:fs throws where one is gone */
export async function fingerprintFiles(folder: string, names: readonly string[]): Promise<Fingerprint[]> {
  return Promise.all(
    names.map(async (path) => {
      const { size, mtimeNs, ctimeNs, ino } = await stat(join(folder, path), { bigint: true });
      return { path, size_bytes: Number(size), modified: `${mtimeNs}`, changed: `${ctimeNs}`, inode: `${ino}` };
    }),
  );
}

/** Where the hashes of a model are kept in a cache folder. */
export function hashCachePath(cacheFolder: string, location: string): string {
  const name = createHash('sha256').update(location).digest('hex').slice(0, 32);
  return join(cacheFolder, 'model-hashes', `${name}.json`);
}

/** The hashes of files that were read whole before and did not change since; null where any did, or nothing is known. */
export async function recallHashes(path: string, current: readonly Fingerprint[]): Promise<ModelHashes | null> {
  if (!(await fileExists(path))) return null;
  const read = await readJsonFile(path, 'the kept hashes', MAX_CACHE_BYTES);
  // What is damaged is found out again.
  if (!read.ok || !hashesCheck.Check(read.value)) return null;
  const kept = read.value.files.map(({ sha256: _hash, ...fingerprint }) => fingerprint);
  return sameFiles(kept, current) ? read.value : null;
}

/** Keeps hashes for the next start. @throws what node:fs throws */
export async function keepHashes(path: string, hashes: ModelHashes): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`;
  await writeFile(temporary, JSON.stringify(hashes));
  await rename(temporary, path);
}

/** Whether two lists of fingerprints are of the same files in the same state. */
export function sameFiles(a: readonly Fingerprint[], b: readonly Fingerprint[]): boolean {
  const text = (list: readonly Fingerprint[]): string =>
    JSON.stringify(
      list.map(({ path, size_bytes, modified, changed, inode }) => [path, size_bytes, modified, changed, inode]),
    );
  return text(a) === text(b);
}
