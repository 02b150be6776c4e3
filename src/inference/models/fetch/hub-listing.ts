import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../../errors';
import { parseBoundedJson } from '../bounded-json';
import { isSafePath, readRange, type ModelSource } from './http-ranges';

/** The hub that is meant where none is named. */
export const DEFAULT_HUB = 'https://huggingface.co';
/** Repositories of thousands of files list each with about 300 bytes. */
const MAX_LISTING_BYTES = 16 << 20;
const MAX_FILES = 20_000;

/** Which model of which hub. */
export interface HubRequest {
  /** Address of the hub, by default `https://huggingface.co`. Any that answers like it will do: `/api/models/…` and `/…/resolve/…`. */
  readonly endpoint?: string | undefined;
  /** `owner/name` */
  readonly repository: string;
  /** A branch, tag or commit; by default `main`. */
  readonly revision?: string | undefined;
  /** One GGUF file of the repository; needed where it holds several and no safetensors. */
  readonly file?: string | undefined;
  /** For repositories that ask who reads them; never sent to another host. */
  readonly accessToken?: string | undefined;
  /** Hosts to which the hub may send readers on, beside its own. */
  readonly redirectHosts?: readonly string[] | undefined;
}

/** A file of a hub as its repository lists it. */
export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256 of a large file's bytes, or what git calls a small one (SHA-1 of `blob SIZE\0` and its bytes). */
  readonly hash: { readonly kind: 'sha256' | 'git'; readonly value: string };
}

/** What a hub says of a model, before anything of it is fetched. */
export interface HubModel {
  readonly repository: string;
  /** The exact version; files are read from it, whatever the revision points to later. */
  readonly commit: string;
  readonly licence: string | null;
  /** Reading it needs an account that accepted its terms. */
  readonly isGated: boolean;
  /** Those an import fetches; empty where `choices` has to be chosen from. */
  readonly files: readonly HubFile[];
  /** Bytes of `files`. */
  readonly totalBytes: number;
  /** GGUF files of the repository, each a model of its own. */
  readonly choices: readonly { readonly file: string; readonly sizeBytes: number }[];
}

const Listing = Type.Object({
  sha: Type.String({ pattern: '^[0-9a-f]{40,64}$' }),
  gated: Type.Optional(Type.Union([Type.Boolean(), Type.String({ maxLength: 100 }), Type.Null()])),
  cardData: Type.Optional(Type.Union([Type.Object({ license: Type.Optional(Type.Unknown()) }), Type.Null()])),
  tags: Type.Optional(Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: 10_000 })),
  siblings: Type.Array(
    Type.Object({
      rfilename: Type.String({ maxLength: 1_000 }),
      size: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
      blobId: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Null()])),
      lfs: Type.Optional(
        Type.Union([
          Type.Object({ sha256: Type.String({ maxLength: 100 }), size: Type.Integer({ minimum: 0 }) }),
          Type.Null(),
        ]),
      ),
    }),
    { maxItems: MAX_FILES },
  ),
});
type Listing = Static<typeof Listing>;
const listingCheck = Compile(Listing);

const SMALL_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
];
const WHOLE_WEIGHTS = 'model.safetensors';
const WEIGHTS_INDEX = 'model.safetensors.index.json';
const WEIGHTS_PART = /^model-\d{5}-of-\d{5}\.safetensors$/;
/** Parts of one GGUF file, which the engine does not join. */
const GGUF_PART = /-\d{5}-of-\d{5}\.gguf$/;

/** Where the files of a version are read. */
export function hubSource(request: HubRequest, commit: string): ModelSource {
  const { accessToken, redirectHosts } = request;
  const baseUrl = `${endpointOf(request)}/${pathOf(request.repository)}/resolve/${commit}`;
  return { baseUrl, accessToken, redirectHosts };
}

/**
 * Asks a hub what a model consists of, and which of it an import would fetch.
 *
 * @returns `input-invalid` for a name that is none, `source-failed` where the hub does not answer or refuses, with what to
 *   do about it, `model-unsupported` where the repository holds nothing this engine reads
 */
export async function describeHubModel(
  request: HubRequest,
  signal?: AbortSignal,
): Promise<Result<HubModel, EngineErrorCode>> {
  const problem = requestProblem(request);
  if (problem !== null) return engineFailure('input-invalid', problem);
  const listing = await readListing(request, signal);
  if (!listing.ok) return listing;
  const { sha: commit, gated } = listing.value;
  const chosen = chooseFiles(request, listing.value);
  if (!chosen.ok) return chosen;
  const { files, choices } = chosen.value;
  return success({
    repository: request.repository,
    commit,
    licence: licenceOf(listing.value),
    isGated: gated !== undefined && gated !== null && gated !== false,
    files,
    totalBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    choices,
  });
}

function requestProblem({ endpoint, repository, revision, file }: HubRequest): string | null {
  if (!/^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(repository) || /(^|\/)\.+(\/|$)/.test(repository)) {
    return 'A model of a hub is named as OWNER/NAME.';
  }
  if (revision !== undefined && !/^[\w][\w./-]{0,200}$/.test(revision)) return 'The revision is no name of a version.';
  if (file !== undefined && !(isSafePath(file) && file.endsWith('.gguf')))
    return 'The file is not the name of a GGUF file.';
  if (endpoint !== undefined && !/^https?:\/\/[^\s?#]+$/.test(endpoint)) return 'The address of the hub is none.';
  return null;
}

function endpointOf({ endpoint = DEFAULT_HUB }: HubRequest): string {
  return endpoint.replace(/\/+$/, '');
}

function pathOf(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

async function readListing(
  request: HubRequest,
  signal: AbortSignal | undefined,
): Promise<Result<Listing, EngineErrorCode>> {
  const { accessToken, redirectHosts, repository, revision = 'main' } = request;
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const api: ModelSource = { baseUrl: `${endpointOf(request)}/api/models`, accessToken, redirectHosts };
  const read = await readRange(api, {
    path: `${repository}/revision/${revision.replaceAll('/', '%2F')}`,
    query: 'blobs=true',
    offset: 0,
    signal,
    onBlock: async (block) => {
      sizeBytes += block.length;
      if (sizeBytes > MAX_LISTING_BYTES) throw new Error('its answer is too long');
      parts.push(block);
    },
  }).catch((thrown: unknown) => engineFailure('source-failed', `${endpointOf(request)}: ${reasonOf(thrown)}.`));
  if (!read.ok) return read;
  let listing: unknown;
  try {
    listing = parseBoundedJson(Buffer.concat(parts));
  } catch {
    listing = null;
  }
  if (listingCheck.Check(listing)) return success(listing);
  return engineFailure('source-failed', `${endpointOf(request)} does not describe models as a hub does.`);
}

function licenceOf({ cardData, tags }: Listing): string | null {
  const named = cardData?.license;
  const licence =
    typeof named === 'string' ? named : tags?.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
  return licence === undefined || licence === '' ? null : licence.slice(0, 200);
}

function chooseFiles(
  { repository, file }: HubRequest,
  { siblings }: Listing,
): Result<Pick<HubModel, 'files' | 'choices'>, EngineErrorCode> {
  const byName = new Map(
    siblings.filter(({ rfilename }) => isSafePath(rfilename)).map((entry) => [entry.rfilename, entry]),
  );
  const gguf = [...byName.values()].filter(
    ({ rfilename }) => rfilename.endsWith('.gguf') && !GGUF_PART.test(rfilename),
  );
  const choices = gguf.map((entry) => ({ file: entry.rfilename, sizeBytes: sizeOf(entry) ?? 0 }));
  const has = (name: string): boolean => byName.has(name);
  const hasWeights = has(WHOLE_WEIGHTS) || has(WEIGHTS_INDEX);
  let wanted: readonly string[];
  if (file !== undefined) wanted = [file];
  else if (has('config.json') && hasWeights) {
    const parts = [...byName.keys()].filter((name) => WEIGHTS_PART.test(name));
    const weights = has(WHOLE_WEIGHTS) ? [WHOLE_WEIGHTS] : [WEIGHTS_INDEX, ...parts];
    if (!has('tokenizer.json')) return unsupported(`${repository} has no tokenizer.json`);
    wanted = [...SMALL_FILES.filter(has), ...weights];
  } else if (choices.length === 1) wanted = choices.map((choice) => choice.file);
  else if (choices.length > 1) return success({ files: [], choices });
  else return unsupported(`${repository} holds neither safetensors weights with their config.json nor a GGUF file`);
  const files: HubFile[] = [];
  for (const path of wanted) {
    const entry = byName.get(path);
    const described = entry === undefined ? undefined : describeFile(entry);
    if (entry === undefined) return engineFailure('model-not-found', `${repository} holds no file ${path}.`);
    if (described === undefined) return unsupported(`The hub names no size and hash of ${path}`);
    files.push(described);
  }
  return success({ files, choices });
}

type Sibling = Listing['siblings'][number];

function sizeOf({ lfs, size }: Sibling): number | undefined {
  return lfs?.size ?? size ?? undefined;
}

function describeFile(entry: Sibling): HubFile | undefined {
  const { rfilename: path, lfs, blobId } = entry;
  const sizeBytes = sizeOf(entry);
  if (sizeBytes === undefined) return undefined;
  if (lfs !== undefined && lfs !== null) {
    return /^[0-9a-f]{64}$/.test(lfs.sha256)
      ? { path, sizeBytes, hash: { kind: 'sha256', value: lfs.sha256 } }
      : undefined;
  }
  const isGit = typeof blobId === 'string' && /^[0-9a-f]{40}$/.test(blobId);
  return isGit ? { path, sizeBytes, hash: { kind: 'git', value: blobId } } : undefined;
}

function unsupported(what: string) {
  return engineFailure('model-unsupported', `${what}.`, {
    suggestion: 'Choose a repository with safetensors weights and tokenizer.json, or with a GGUF file.',
  });
}
