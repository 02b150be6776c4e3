import type { CoordinatorConfig } from '../config';
import type { Logger } from '../logger';
import { ELECTRICITY_MAPS_URL, electricityMaps } from './electricity-maps';
import { ENTSOE_URL, entsoe } from './entsoe';
import type { GridSource } from './grid-source';
import type { GridStates } from './grid-states';

export type GridSettings = Pick<
  CoordinatorConfig,
  'gridSource' | 'gridKey' | 'gridRegions' | 'gridBaseUrl' | 'gridRefreshMinutes'
>;

const MINUTE_MS = 60_000;
/** First pause after a failure; each further one is twice as long, up to the largest. */
const FIRST_PAUSE_MS = MINUTE_MS;
const MAX_PAUSE_MS = 6 * 60 * MINUTE_MS;

/** `region=zone there` pairs; a region without `=` is named the same there. */
export function zonesOf(pairs: readonly string[]): readonly { readonly region: string; readonly zone: string }[] {
  return pairs.map((pair) => {
    const at = pair.indexOf('=');
    const region = at < 0 ? pair : pair.slice(0, at);
    return { region: region.toUpperCase(), zone: at < 0 ? pair : pair.slice(at + 1) };
  });
}

/** The source the settings name; null for the built-in table, or without a key. */
export function gridSourceOf(settings: GridSettings, nowMs: () => number): GridSource | null {
  const { gridSource, gridKey: key, gridBaseUrl } = settings;
  if (gridSource === 'static' || key === null) return null;
  return gridSource === 'entsoe'
    ? entsoe({ baseUrl: gridBaseUrl ?? ENTSOE_URL, key, nowMs })
    : electricityMaps({ baseUrl: gridBaseUrl ?? ELECTRICITY_MAPS_URL, key, nowMs });
}

interface Region {
  readonly region: string;
  readonly zone: string;
  dueMs: number;
  failures: number;
}

/**
 * Keeps the grid states fresh from a source. A region that cannot be read keeps what was read before, with its age, and is
 * tried again after a pause that grows. Replicas share what one of them read.
 */
export class GridRefresh {
  private readonly regions: Region[];
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  private readonly intervalMs: number;

  /** @param onRead - told when something was read, so that other replicas load it */
  constructor(
    private readonly source: GridSource | null,
    settings: GridSettings,
    private readonly grid: GridStates,
    private readonly logger: Logger,
    private readonly onRead: () => void,
  ) {
    this.regions = zonesOf(settings.gridRegions).map((zone) => ({ ...zone, dueMs: 0, failures: 0 }));
    this.intervalMs = settings.gridRefreshMinutes * MINUTE_MS;
  }

  /** Begins to read what is due; what runs already goes on. */
  tick(nowMs: number): void {
    const { source } = this;
    const due = this.regions.filter((region) => region.dueMs <= nowMs);
    if (source === null || due.length === 0 || this.running !== null || this.stopping.signal.aborted) return;
    this.running = this.refresh(source, due, nowMs).finally(() => {
      this.running = null;
    });
  }

  /** Resolves when nothing is read any more. */
  async settled(): Promise<void> {
    await this.running;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async refresh(source: GridSource, due: readonly Region[], nowMs: number): Promise<void> {
    for (const region of due) {
      if (this.stopping.signal.aborted) return;
      // Another replica may have read it a moment ago.
      const ageMs = this.grid.readAgeMs(region.region, source.name, nowMs);
      if (ageMs !== null && ageMs < this.intervalMs / 2) {
        region.dueMs = nowMs + this.intervalMs - ageMs;
        continue;
      }
      try {
        await this.refreshOne(source, region, nowMs);
      } catch (thrown) {
        this.failed(region, nowMs, 'it could not be stored', thrown);
      }
    }
  }

  private async refreshOne(source: GridSource, region: Region, nowMs: number): Promise<void> {
    const reading = await source.read(region.zone, this.stopping.signal);
    if (this.stopping.signal.aborted) return;
    if ('problem' in reading) {
      this.failed(region, nowMs, reading.problem);
      return;
    }
    if (!(await this.grid.learn(region.region, source.name, reading))) {
      this.failed(region, nowMs, 'there is no room for another region');
      return;
    }
    region.failures = 0;
    region.dueMs = nowMs + this.intervalMs;
    this.onRead();
  }

  private failed(region: Region, nowMs: number, reason: string, thrown?: unknown): void {
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** region.failures);
    region.failures += 1;
    region.dueMs = nowMs + pauseMs;
    this.logger.warn(
      { region: region.region, ...(thrown === undefined ? {} : { err: thrown }) },
      `the grid could not be read: ${reason}; what was known is kept`,
    );
  }
}
