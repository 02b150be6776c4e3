import { GridStateView } from '../../../protocol/compute/http/grid';
import { readFromCoordinator, type CoordinatorSource } from '../coordinator-reader';
import type { Timers } from '../timers';

/** Grids change over hours. */
const INTERVAL_MS = 1_800_000;

/** The renewable share of the region's grid, as the coordinator knows it. */
export class GridReader {
  readonly #source: CoordinatorSource;
  readonly #region: () => string | null;
  readonly #end: () => void;
  #known: { readonly region: string; readonly url: string; readonly fraction: number | null } | null = null;
  #reading = false;

  constructor(source: CoordinatorSource, region: () => string | null, timers: Timers) {
    this.#source = source;
    this.#region = region;
    this.#end = timers.every(INTERVAL_MS, () => {
      this.#known = null;
      this.refresh();
    });
  }

  /** 0 to 1; null where no region is set or the coordinator does not know its grid. */
  get renewableFraction(): number | null {
    const { url } = this.#source.snapshot().coordinator;
    return this.#known !== null && this.#known.region === this.#region() && this.#known.url === url
      ? this.#known.fraction
      : null;
  }

  /** Reads what is not known yet. Without a coordinator it is left for later. */
  refresh(): void {
    const region = this.#region();
    const { url } = this.#source.snapshot().coordinator;
    if (region === null || url === '' || this.#reading) return;
    if (this.#known !== null && this.#known.region === region && this.#known.url === url) return;
    this.#reading = true;
    void readFromCoordinator(this.#source, `/grid/score/${encodeURIComponent(region)}`, GridStateView).then(
      (answer) => {
        this.#reading = false;
        // A coordinator that does not know the region is not asked again until it is due.
        if (answer.ok || !answer.error.retryable) {
          this.#known = { region, url, fraction: answer.ok ? answer.value.renewable_fraction : null };
        }
      },
    );
  }

  close(): void {
    this.#end();
  }
}
