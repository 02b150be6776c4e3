/** Progress of long work: a fraction from 0 to 1 and what is being done, in plain words. */
export type ProgressCallback = (fraction: number, label: string) => void;

/** Long work reports progress and can be stopped; a stopped call fails with `cancelled` and leaves nothing behind. */
export interface LongCallOptions {
  readonly onProgress?: ProgressCallback | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options for a part of long work that begins at `start` and takes `share` of the whole. */
export function partOf({ onProgress, signal }: LongCallOptions, start: number, share: number): LongCallOptions {
  if (onProgress === undefined) return { signal };
  const report: ProgressCallback = (fraction, label) => onProgress(start + fraction * share, label);
  return { onProgress: report, signal };
}
