import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { LayerRange, ModelManifest, Sha256 } from '../../../protocol/compute/model';
import type { Failure } from '../../../protocol/result';
import { readJsonDocument } from '../../storage/json-document';
import type { Log } from '../log';

/** Models a person imports or fetches; far more than a computer can hold. */
export const MAX_SHELF_MODELS = 200;
/** Each manifest is kept without its list of files, so that it takes a few kilobytes. */
const MAX_DOCUMENT_BYTES = 20_000_000;

const LocalModel = Type.Object({
  /** Counts up; a number is never used again. */
  id: Type.Integer({ minimum: 1 }),
  path: Type.String({ minLength: 1, maxLength: 4_000 }),
  manifestHash: Sha256,
  manifest: ModelManifest,
});
export type LocalModel = Static<typeof LocalModel>;

const MAX_CODE_LENGTH = 100;
const MAX_SENTENCE_LENGTH = 4_000;
const StoredFailure = Type.Object({
  code: Type.String({ maxLength: MAX_CODE_LENGTH }),
  message: Type.String({ maxLength: MAX_SENTENCE_LENGTH }),
  retryable: Type.Boolean(),
  suggestion: Type.Optional(Type.String({ maxLength: MAX_SENTENCE_LENGTH })),
});

/** A download as it is kept between two starts; one that ran waits for its turn again. */
const DownloadRecord = Type.Object({
  modelId: Type.String({ minLength: 1, maxLength: 200 }),
  manifestHash: Sha256,
  manifest: ModelManifest,
  range: LayerRange,
  doneBytes: Type.Number({ minimum: 0 }),
  totalBytes: Type.Number({ minimum: 0 }),
  state: Type.Union([
    Type.Object({ kind: Type.Literal('waiting') }),
    Type.Object({ kind: Type.Literal('running') }),
    Type.Object({ kind: Type.Literal('paused') }),
    Type.Object({
      kind: Type.Literal('failed'),
      error: StoredFailure,
      retryAt: Type.Union([Type.String({ maxLength: 40 }), Type.Null()]),
    }),
    Type.Object({ kind: Type.Literal('done') }),
  ]),
});
export type DownloadRecord = Static<typeof DownloadRecord>;

export const ShelfDocument = Type.Object({
  formatVersion: Type.Literal(1),
  nextLocalId: Type.Integer({ minimum: 1 }),
  /** What the shipped model was read as, by this version of the app. */
  shipped: Type.Union([
    Type.Object({ appVersion: Type.String({ maxLength: 100 }), manifestHash: Sha256, manifest: ModelManifest }),
    Type.Null(),
  ]),
  locals: Type.Array(LocalModel, { maxItems: MAX_SHELF_MODELS }),
  downloads: Type.Array(DownloadRecord, { maxItems: MAX_SHELF_MODELS }),
});
export type ShelfDocument = Static<typeof ShelfDocument>;

const EMPTY_SHELF: ShelfDocument = { formatVersion: 1, nextLocalId: 1, shipped: null, locals: [], downloads: [] };

/** A manifest as the shelf keeps it: its sizes alone, without the files and the template only an engine needs. */
export function keptManifest(manifest: ModelManifest): ModelManifest {
  return Value.Clean(ModelManifest, structuredClone({ ...manifest, files: [], chat_template: null })) as ModelManifest;
}

/** A failure as the shelf keeps it: a coordinator may have had much to say. */
export function keptFailure({ code, message, retryable, suggestion }: Failure): Static<typeof StoredFailure> {
  return {
    code: code.slice(0, MAX_CODE_LENGTH),
    message: message.slice(0, MAX_SENTENCE_LENGTH),
    retryable,
    ...(suggestion === undefined ? {} : { suggestion: suggestion.slice(0, MAX_SENTENCE_LENGTH) }),
  };
}

/** Reads the list of models. A damaged one is an empty one: files of the models are elsewhere and stay. */
export async function loadShelf(path: string, log: Log): Promise<ShelfDocument> {
  const reading = await readJsonDocument(path, MAX_DOCUMENT_BYTES);
  if (reading.kind === 'read' && Value.Check(ShelfDocument, reading.value)) return reading.value;
  if (reading.kind !== 'absent') log.warn({}, 'the list of models could not be used and begins anew');
  return EMPTY_SHELF;
}
