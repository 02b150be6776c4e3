/** Progress of long work: a fraction from 0 to 1 and what is being done, in plain words. */
export type ProgressCallback = (fraction: number, label: string) => void;

/** Long work reports progress and can be stopped; a stopped call fails with `cancelled` and leaves nothing behind. */
export interface LongCallOptions {
  readonly onProgress?: ProgressCallback | undefined;
  readonly signal?: AbortSignal | undefined;
}
