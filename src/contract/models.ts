import { Type, type Static, type TSchema } from 'typebox';
import { LayerRange } from '../protocol/compute/model';
import type { Failure } from '../protocol/result';

/**
 * Life of a download.
 *
 *   waiting ──its turn──▶ running ──▶ done
 *      ▲  ▲                │  │
 *      │  └──resume── paused◀─┘ pause
 *      │                   │
 *      └──retry time── failed (tries again at `retryAt`; null: only when asked)
 */
export type DownloadState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'failed'; readonly error: Failure; readonly retryAt: string | null }
  | { readonly kind: 'done' };

export interface DownloadView {
  readonly state: DownloadState;
  readonly range: LayerRange;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Null while nothing is known of it. */
  readonly bytesPerSecond: number | null;
}

/** A model whose layers this computer can hold: shipped, imported from this computer, or offered by the coordinator. */
export interface ShelfModel {
  /** Names it in the calls; `shipped`, `local:<n>`, or `offered:<model id>`. */
  readonly key: string;
  readonly origin: 'shipped' | 'local' | 'offered';
  readonly modelId: string;
  readonly friendlyName: string;
  readonly totalLayers: number;
  readonly licence: string | null;
  /** Folder or file on this computer; null where the layers are fetched. */
  readonly path: string | null;
  /** Bytes of its weights as they are stored; null while unknown. */
  readonly storedBytes: number | null;
  /** Bytes of it on this computer that the app fetched. */
  readonly diskBytes: number;
  /** Whether the settings say to serve it. */
  readonly chosen: boolean;
  /** Whether the coordinator lists it; one it does not know may still be taken. */
  readonly listed: boolean;
  readonly onlineShards: number;
  readonly download: DownloadView | null;
  /** Why it cannot be served now, in a sentence. */
  readonly problem: string | null;
}

export interface ModelsView {
  readonly models: readonly ShelfModel[];
  readonly importing: { readonly name: string; readonly fraction: number } | null;
  readonly disk: {
    readonly fetchedBytes: number;
    /** Shards cut from models, which can be made again. */
    readonly shardBytes: number;
    readonly freeBytes: number | null;
  };
  /** Why the coordinator's models are not on the list; null where they are. */
  readonly offeredProblem: string | null;
}

export interface ModelFitView {
  readonly range: LayerRange;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly positions: number;
  readonly runtimeBytes: number;
  readonly totalBytes: number;
  /** Bytes a download of the range would take; 0 where nothing has to be fetched. */
  readonly downloadBytes: number;
  readonly devices: readonly {
    readonly device: string;
    readonly name: string;
    readonly budgetBytes: number;
    readonly fits: boolean;
    readonly largest: LayerRange | null;
  }[];
}

const ModelKey = Type.String({ minLength: 1, maxLength: 220 });
const Choice = Type.Object({
  key: ModelKey,
  /** Null leaves the layers to the coordinator; for a download it is the whole model. */
  range: Type.Union([LayerRange, Type.Null()]),
});

/** A model of a hub, as a person names it. */
export const HubChoice = Type.Object({
  /** `OWNER/NAME`, with `@REVISION` and `#FILE.gguf` where they matter. */
  name: Type.String({ minLength: 3, maxLength: 400 }),
  /** Address of the hub; null: huggingface.co. */
  endpoint: Type.Union([Type.String({ minLength: 8, maxLength: 500, pattern: '^https?://' }), Type.Null()]),
  /** Null: the one kept for this hub, if there is one. */
  accessToken: Type.Union([Type.String({ minLength: 1, maxLength: 500, pattern: '^\\S+$' }), Type.Null()]),
});
export type HubChoice = Static<typeof HubChoice>;

/** What a hub says of a model, before anything of it is fetched. */
export interface HubModelView {
  readonly repository: string;
  /** The exact version that is fetched. */
  readonly commit: string;
  readonly licence: string | null;
  readonly files: number;
  readonly totalBytes: number;
  /** GGUF files of which one has to be named; empty where the model is clear. */
  readonly choices: readonly { readonly file: string; readonly sizeBytes: number }[];
  readonly freeBytes: number | null;
}

export const MODEL_CALLS = {
  'models:get': Type.Null(),
  /** Reads the coordinator's list and the disk anew. */
  'models:refresh': Type.Null(),
  'models:choose-import': Type.Object({ what: Type.Union([Type.Literal('file'), Type.Literal('folder')]) }),
  /** Only the preload script makes this call, with paths of what was dropped. */
  'models:import-paths': Type.Object({
    paths: Type.Array(Type.String({ minLength: 1, maxLength: 4_000 }), { minItems: 1, maxItems: 20 }),
  }),
  'models:cancel-import': Type.Null(),
  /** Asks a hub what it has, and fetches nothing. An access token that comes with it is kept for this hub. */
  'models:look-at-hub': HubChoice,
  /** Fetches a model of a hub whole, every file checked; stopped and asked for again, it goes on where it was. */
  'models:import-hub': HubChoice,
  'models:fit': Choice,
  'models:serve': Choice,
  'models:download': Choice,
  'models:pause-download': Type.Object({ key: ModelKey }),
  /** Goes on after a pause or a failure. */
  'models:resume-download': Type.Object({ key: ModelKey }),
  /** Takes a local model off the list, or removes what was fetched of an offered one; files of the person's own stay. */
  'models:remove': Type.Object({ key: ModelKey }),
  /** Removes shards that are not in memory. */
  'models:remove-shards': Type.Null(),
} as const satisfies Record<string, TSchema>;

export interface ModelCallValues {
  'models:get': ModelsView;
  'models:refresh': ModelsView;
  /** The view with the model in it; null when the dialog was closed. */
  'models:choose-import': ModelsView | null;
  'models:import-paths': ModelsView;
  'models:cancel-import': null;
  'models:look-at-hub': HubModelView;
  'models:import-hub': ModelsView;
  'models:fit': ModelFitView;
  'models:serve': null;
  'models:download': null;
  'models:pause-download': null;
  'models:resume-download': null;
  'models:remove': null;
  'models:remove-shards': { readonly freedBytes: number };
}
