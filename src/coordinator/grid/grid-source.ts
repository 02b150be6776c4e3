/** What a source knows of one grid; shares are 0..1. */
export interface GridReading {
  /** Grams of CO2 equivalent per kWh. */
  readonly gramsPerKwh: number;
  readonly renewableFraction: number;
  readonly measuredAtMs: number;
}

/** Why a source gave no reading, in plain words and without its key. */
export interface GridProblem {
  readonly problem: string;
}

/** Somewhere live values of electric grids come from. */
export interface GridSource {
  readonly name: 'entsoe' | 'electricity-maps';
  /** @param zone - the source's own name of the region */
  read(zone: string, signal: AbortSignal): Promise<GridReading | GridProblem>;
}

/** How a source is reached. */
export interface GridAccess {
  readonly baseUrl: string;
  readonly key: string;
  readonly nowMs: () => number;
}

const TIMEOUT_MS = 20_000;
/** A day of generation by type in quarters of an hour is below 1 MiB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Reads a text, bounded in size and time. Redirects are not followed: they would carry the key elsewhere. */
export async function readText(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string | GridProblem> {
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      return { problem: `it answered with status ${response.status}` };
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) return { problem: 'its answer is too large' };
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (thrown) {
    const isTimeout = thrown instanceof Error && thrown.name === 'TimeoutError';
    return { problem: isTimeout ? `it did not answer within ${TIMEOUT_MS / 1_000} s` : 'it cannot be reached' };
  }
}
