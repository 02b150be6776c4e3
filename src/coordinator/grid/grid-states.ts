import { gridPriority } from '../../protocol/compute/formulas';
import type { GridStateUpdate, GridStateView } from '../../protocol/compute/http/grid';
import { timestampOf, type Clock } from '../clock';
import type { GridReading } from './grid-source';
import type { Database } from '../storage/database-schema';

/** The electric grid of a region; every share is 0..1. */
export interface GridState {
  readonly region: string;
  readonly loadFactor: number;
  readonly carbonIntensity: number;
  readonly renewableFraction: number;
  /** `static`, `update`, or the name of a source. */
  readonly source: string;
  readonly updatedAt: string;
}

/**
 * A starting table, not a measurement: rough yearly character of some grids, so that the tie-breaker has something to
 * work with until `POST /grid/states/update` gives better values. Carbon intensity is relative to a coal-only grid.
 * Columns: region, load, carbon, renewable share.
 */
const STATIC_STATES: readonly (readonly [string, number, number, number])[] = [
  ['AU', 0.6, 0.55, 0.35],
  ['BR', 0.6, 0.1, 0.85],
  ['CA-QC', 0.6, 0.02, 0.97],
  ['CN', 0.7, 0.6, 0.3],
  ['DE', 0.6, 0.38, 0.52],
  ['ES', 0.55, 0.17, 0.5],
  ['FR', 0.6, 0.06, 0.25],
  ['GB', 0.6, 0.23, 0.42],
  ['IN', 0.75, 0.7, 0.2],
  ['IS', 0.5, 0.02, 0.99],
  ['IT', 0.6, 0.35, 0.37],
  ['JP', 0.65, 0.48, 0.22],
  ['NL', 0.6, 0.35, 0.45],
  ['NO', 0.5, 0.03, 0.98],
  ['PL', 0.6, 0.7, 0.26],
  ['SE', 0.55, 0.03, 0.68],
  ['TR', 0.65, 0.45, 0.42],
  ['US-CA', 0.65, 0.25, 0.5],
  ['US-NY', 0.65, 0.27, 0.3],
  ['US-TX', 0.7, 0.42, 0.3],
  ['US-WA', 0.55, 0.1, 0.75],
  ['ZA', 0.75, 0.85, 0.1],
];

/** Priority of a node whose region is not known: neither favoured nor put last. */
export const NEUTRAL_GRID_PRIORITY = 0.5;

/** Life-cycle grams of a coal plant (IPCC AR5, working group III, annex III), which counts as carbon intensity 1. */
const COAL_GRAMS_PER_KWH = 820;
const UNKNOWN_LOAD = 0.5;

/** Regions that updates may add; bounds what strangers can make us hold. */
const MAX_REGIONS = 2_000;

/** Grid states by region: the static table, overlaid by stored updates. */
export class GridStates {
  private readonly states = new Map<string, GridState>();
  private onChange: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    const updatedAt = timestampOf(clock.nowMs());
    for (const [region, loadFactor, carbonIntensity, renewableFraction] of STATIC_STATES) {
      this.states.set(region, { region, loadFactor, carbonIntensity, renewableFraction, source: 'static', updatedAt });
    }
  }

  /** Told whenever something was learned of a grid. */
  watch(onChange: () => void): void {
    this.onChange = onChange;
  }

  async load(): Promise<void> {
    const rows = await this.database.selectFrom('grid_states').selectAll().execute();
    for (const row of rows) {
      this.states.set(row.region, {
        region: row.region,
        loadFactor: row.load_factor,
        carbonIntensity: row.carbon_intensity,
        renewableFraction: row.renewable_fraction,
        source: row.source,
        updatedAt: row.updated_at,
      });
    }
    this.onChange();
  }

  find(region: string): GridState | undefined {
    return this.states.get(region.toUpperCase());
  }

  /** 0..1; a region nobody described counts as neutral. */
  priority(region: string | null): number {
    const state = region === null ? undefined : this.find(region);
    if (state === undefined) return NEUTRAL_GRID_PRIORITY;
    return gridPriority(state.loadFactor, state.carbonIntensity, state.renewableFraction);
  }

  /** Best first. */
  ranked(): GridStateView[] {
    return [...this.states.values()]
      .map((state) => this.view(state))
      .sort((left, right) => right.grid_score - left.grid_score || left.region.localeCompare(right.region));
  }

  /** False when there is no room for another region. */
  update(update: GridStateUpdate): Promise<boolean> {
    return this.store({
      region: update.region.toUpperCase(),
      loadFactor: update.load_factor,
      carbonIntensity: update.carbon_intensity,
      renewableFraction: update.renewable_fraction,
      source: 'update',
      updatedAt: timestampOf(this.clock.nowMs()),
    });
  }

  /** What a source read. It says nothing of load, which stays as it was. False when there is no room. */
  learn(region: string, source: string, reading: GridReading): Promise<boolean> {
    return this.store({
      region,
      loadFactor: this.find(region)?.loadFactor ?? UNKNOWN_LOAD,
      carbonIntensity: Math.min(1, reading.gramsPerKwh / COAL_GRAMS_PER_KWH),
      renewableFraction: Math.min(1, reading.renewableFraction),
      source,
      updatedAt: timestampOf(reading.measuredAtMs),
    });
  }

  /** Age of what a source measured in a region; null when what is known is from elsewhere. */
  readAgeMs(region: string, source: string, nowMs: number): number | null {
    const state = this.find(region);
    return state === undefined || state.source !== source ? null : nowMs - Date.parse(state.updatedAt);
  }

  private async store(state: GridState): Promise<boolean> {
    const { region } = state;
    if (!this.states.has(region) && this.states.size >= MAX_REGIONS) return false;
    const stored = {
      load_factor: state.loadFactor,
      carbon_intensity: state.carbonIntensity,
      renewable_fraction: state.renewableFraction,
      source: state.source,
      updated_at: state.updatedAt,
    };
    await this.database
      .insertInto('grid_states')
      .values({ region, ...stored })
      .onConflict((conflict) => conflict.column('region').doUpdateSet(stored))
      .execute();
    this.states.set(region, state);
    this.onChange();
    return true;
  }

  view(state: GridState): GridStateView {
    return {
      region: state.region,
      grid_score: this.priority(state.region),
      load_factor: state.loadFactor,
      carbon_intensity: state.carbonIntensity,
      renewable_fraction: state.renewableFraction,
      source: state.source,
      updated_at: state.updatedAt,
      // The table is no measurement and has no age.
      age_seconds:
        state.source === 'static'
          ? null
          : Math.max(0, Math.round((this.clock.nowMs() - Date.parse(state.updatedAt)) / 1_000)),
    };
  }
}
