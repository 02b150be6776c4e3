import type { DownloadView } from '../../../contract/models';
import type { OfferedModel, StartEngine } from '../../../node';
import type { LayerRange } from '../../../protocol/compute/model';
import { storedBytes } from '../../../protocol/compute/stored-bytes';
import type { Failure, Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';
import type { Log } from '../log';
import type { Timers } from '../timers';
import { nextDownloadState, type DownloadEvent } from './download-state';
import { keptFailure, keptManifest, type DownloadRecord } from './shelf-document';

/** Speeds are those of about this long, so that a figure neither flickers nor lags. */
const SPEED_WINDOW_MS = 5_000;

export interface ModelDownloadsOptions {
  readonly records: readonly DownloadRecord[];
  readonly startEngine: StartEngine;
  /** Reads a model of the coordinator's list. */
  readonly offered: (modelId: string) => Promise<Result<OfferedModel>>;
  /** Where the layers of a model are kept. */
  readonly folderOf: (manifestHash: string) => string;
  /** Whether the node itself is fetching layers of this model, which goes into the same folder. */
  readonly isNodeFetching: (modelId: string) => boolean;
  /** Something of a record that outlives the app changed. */
  readonly onRecords: (records: readonly DownloadRecord[]) => void;
  readonly onProgress: () => void;
  readonly timers: Timers;
  readonly log: Log;
}

interface RunningDownload {
  readonly modelId: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Fetches layers of the coordinator's models, one model after the other, in an engine process of its own. What was
 * fetched is verified piece by piece and kept; a pause, a failure or the end of the app costs at most the piece under way.
 */
export class ModelDownloads {
  readonly #options: ModelDownloadsOptions;
  #records: readonly DownloadRecord[];
  #running: RunningDownload | null = null;
  #samples: readonly { readonly atMs: number; readonly bytes: number }[] = [];
  readonly #failures = new Map<string, number>();
  readonly #retries = new Map<string, () => void>();
  #closed = false;

  constructor(options: ModelDownloadsOptions) {
    this.#options = options;
    this.#records = options.records.map((record) =>
      record.state.kind === 'running' ? { ...record, state: { kind: 'waiting' } } : record,
    );
  }

  get records(): readonly DownloadRecord[] {
    return this.#records;
  }

  /** Goes on with what the last start left. */
  start(): void {
    for (const record of this.#records) this.#planRetry(record);
    this.#next();
  }

  viewOf(modelId: string): DownloadView | null {
    const record = this.#find(modelId);
    if (record === undefined) return null;
    const { state, range, doneBytes, totalBytes } = record;
    return { state, range, doneBytes, totalBytes, bytesPerSecond: state.kind === 'running' ? this.#speed() : null };
  }

  /** Fetches a range of a model; of one that was fetched before, what is missing. */
  add({ manifest, manifestHash }: OfferedModel, range: LayerRange): void {
    const modelId = manifest.model_id;
    const known = this.#find(modelId);
    if (known?.state.kind === 'running') return;
    this.#failures.delete(modelId);
    const record: DownloadRecord = {
      modelId,
      manifestHash,
      manifest: keptManifest(manifest),
      range,
      doneBytes: 0,
      totalBytes: storedBytes(manifest, range),
      state: { kind: 'waiting' },
    };
    this.#setRecords([...this.#records.filter((one) => one.modelId !== modelId), record]);
    this.#next();
  }

  /** Stops where it is; resolves when nothing writes into the model's folder any more. */
  async pause(modelId: string): Promise<void> {
    this.#apply(modelId, { kind: 'pause-asked' });
    if (this.#running?.modelId !== modelId) return;
    this.#running.controller.abort();
    await this.#running.ended;
  }

  resume(modelId: string): void {
    this.#failures.delete(modelId);
    this.#apply(modelId, { kind: 'resume-asked' });
    this.#next();
  }

  /** Forgets a download; what it fetched stays where it is. */
  async forget(modelId: string): Promise<void> {
    await this.pause(modelId);
    this.#cancelRetry(modelId);
    this.#setRecords(this.#records.filter((record) => record.modelId !== modelId));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#retries.values()) cancel();
    this.#running?.controller.abort();
    await this.#running?.ended;
  }

  #find(modelId: string): DownloadRecord | undefined {
    return this.#records.find((record) => record.modelId === modelId);
  }

  #setRecords(records: readonly DownloadRecord[]): void {
    this.#records = records;
    this.#options.onRecords(records);
  }

  #update(modelId: string, changes: Partial<DownloadRecord>): void {
    this.#records = this.#records.map((one) => (one.modelId === modelId ? { ...one, ...changes } : one));
  }

  #apply(modelId: string, event: DownloadEvent): void {
    const record = this.#find(modelId);
    if (record === undefined) return;
    const state = nextDownloadState(record.state, event);
    if (state === record.state) return;
    this.#update(modelId, { state });
    this.#setRecords(this.#records);
    this.#planRetry({ ...record, state });
  }

  #planRetry({ modelId, state }: DownloadRecord): void {
    this.#cancelRetry(modelId);
    if (state.kind !== 'failed' || state.retryAt === null) return;
    const { timers } = this.#options;
    const delayMs = Math.max(0, Date.parse(state.retryAt) - timers.now());
    const retry = (): void => {
      this.#apply(modelId, { kind: 'retry-due' });
      this.#next();
    };
    this.#retries.set(modelId, timers.after(delayMs, retry));
  }

  #cancelRetry(modelId: string): void {
    this.#retries.get(modelId)?.();
    this.#retries.delete(modelId);
  }

  #next(): void {
    if (this.#running !== null || this.#closed) return;
    const record = this.#records.find(({ state }) => state.kind === 'waiting');
    if (record === undefined) return;
    const { modelId } = record;
    const controller = new AbortController();
    this.#samples = [];
    this.#apply(modelId, { kind: 'begun' });
    const ended = this.#run(record, controller.signal)
      .catch((thrown: unknown) => mainFailure('internal', `The download ended: ${reasonOf(thrown)}.`))
      .then((result) => {
        this.#running = null;
        // At the end of the app the record keeps saying that it runs, so that the next start goes on.
        if (!this.#closed) this.#settle(modelId, result);
      });
    this.#running = { modelId, controller, ended };
  }

  #settle(modelId: string, result: Result<unknown>): void {
    if (result.ok) {
      this.#failures.delete(modelId);
      const record = this.#find(modelId);
      if (record !== undefined) this.#update(modelId, { doneBytes: record.totalBytes });
      this.#apply(modelId, { kind: 'finished' });
    } else if (result.error.code !== 'cancelled') {
      this.#failed(modelId, result.error);
    }
    this.#next();
  }

  #failed(modelId: string, error: Failure): void {
    const failures = (this.#failures.get(modelId) ?? 0) + 1;
    this.#failures.set(modelId, failures);
    this.#options.log.warn({ code: error.code, failures }, 'a download of a model failed');
    this.#apply(modelId, { kind: 'failed', error: keptFailure(error), failures, nowMs: this.#options.timers.now() });
  }

  async #run({ modelId, manifestHash, range }: DownloadRecord, signal: AbortSignal): Promise<Result<unknown>> {
    const { offered, startEngine, folderOf, isNodeFetching } = this.#options;
    if (isNodeFetching(modelId)) {
      return mainFailure('model-in-use', 'This computer is fetching layers of it in order to serve them.', {
        retryable: true,
      });
    }
    const model = await offered(modelId);
    if (!model.ok) return model;
    if (model.value.manifestHash !== manifestHash) {
      return mainFailure('model-invalid', `The coordinator now offers another ${modelId} than the one begun.`, {
        suggestion: 'Remove what was fetched, and download it anew.',
      });
    }
    const started = await startEngine();
    if (!started.ok) return started;
    const { engine, exited } = started.value;
    const gone = exited.then((reason) =>
      mainFailure('process-gone', `The process that fetched it ended (${reason}).`, { retryable: true }),
    );
    try {
      const { manifest, sources } = model.value;
      const fetched = engine.fetchLayers(
        { manifest, sources, range, folder: folderOf(manifestHash) },
        { signal, onProgress: (fraction) => this.#progressed(modelId, fraction) },
      );
      return await Promise.race([fetched, gone]);
    } finally {
      await engine.close();
      await exited;
    }
  }

  #progressed(modelId: string, fraction: number): void {
    const record = this.#find(modelId);
    if (record === undefined) return;
    const bytes = Math.floor(record.totalBytes * fraction);
    const atMs = this.#options.timers.now();
    this.#update(modelId, { doneBytes: bytes });
    this.#samples = [...this.#samples.filter((one) => atMs - one.atMs < SPEED_WINDOW_MS), { atMs, bytes }].slice(-200);
    this.#options.onProgress();
  }

  #speed(): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return null;
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1_000;
  }
}
