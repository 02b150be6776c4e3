import { createHash } from 'node:crypto';
import type { HubRequest } from '../../inference';

/** How the id of a model begins that is fetched from a hub. */
export const HUB_PREFIX = 'hub:';

/** A model of a hub as a person names it. */
export interface HubName {
  readonly repository: string;
  readonly revision?: string;
  /** One GGUF file of several. */
  readonly file?: string;
}

/** Reads `hub:OWNER/NAME`, with `@REVISION` and `#FILE.gguf` where they matter; null for other ids. */
export function readHubName(modelId: string): HubName | null {
  const match = /^hub:([^@#\s]+\/[^@#\s]+?)(?:@([^#\s]+))?(?:#(\S+))?$/.exec(modelId);
  const [, repository, revision, file] = match ?? [];
  if (repository === undefined) return null;
  return { repository, ...(revision === undefined ? {} : { revision }), ...(file === undefined ? {} : { file }) };
}

/** Name of the folder a model of a hub is kept in: the same for the same request, readable, and safe on every system. */
export function hubFolderName({ endpoint, repository, revision, file }: HubRequest): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([endpoint, repository, revision, file]))
    .digest('hex');
  return `${repository.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 80)}-${hash.slice(0, 8)}`;
}
