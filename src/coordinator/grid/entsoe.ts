import { readText, type GridAccess, type GridProblem, type GridReading, type GridSource } from './grid-source';

/** Where the transparency platform's interface is. */
export const ENTSOE_URL = 'https://web-api.tp.entsoe.eu/api';

/** Actual generation per type, of the realised process. */
const DOCUMENT_TYPE = 'A75';
const PROCESS_TYPE = 'A16';
const HOUR_MS = 3_600_000;
/** Generation is published up to some hours late. */
const LOOK_BACK_MS = 12 * HOUR_MS;
/** A type that was last heard of this much before the newest one is not generating, or not reporting. */
const STALE_MS = 2 * HOUR_MS;
/** Series of one answer: some twenty types, each a few times. */
const MAX_SERIES = 1_000;

interface Fuel {
  /** Life-cycle grams of CO2 equivalent per kWh. */
  readonly grams: number;
  readonly isRenewable: boolean;
}

const fossil = (grams: number): Fuel => ({ grams, isRenewable: false });
const renewable = (grams: number): Fuel => ({ grams, isRenewable: true });

/**
 * Medians of IPCC AR5, working group III, annex III, table A.III.2 (2014). Kinds the table does not list count as the
 * nearest it does: lignite, peat, oil shale and gas from coal as coal, oil as the middle of coal and gas, waste and other
 * renewables as biomass, everything else as gas. Pumped storage generates what was generated before and counts as neither.
 */
const FUELS: ReadonlyMap<string, Fuel> = new Map([
  ['B01', renewable(230)],
  ['B02', fossil(820)],
  ['B03', fossil(820)],
  ['B04', fossil(490)],
  ['B05', fossil(820)],
  ['B06', fossil(655)],
  ['B07', fossil(820)],
  ['B08', fossil(820)],
  ['B09', renewable(38)],
  ['B11', renewable(24)],
  ['B12', renewable(24)],
  ['B13', renewable(17)],
  ['B14', fossil(12)],
  ['B15', renewable(230)],
  ['B16', renewable(48)],
  ['B17', fossil(230)],
  ['B18', renewable(12)],
  ['B19', renewable(11)],
]);
const OTHER_FUEL = fossil(490);
const PUMPED_STORAGE = 'B10';

const RESOLUTIONS: ReadonlyMap<string, number> = new Map([
  ['PT15M', HOUR_MS / 4],
  ['PT30M', HOUR_MS / 2],
  ['PT60M', HOUR_MS],
  ['PT1H', HOUR_MS],
]);

/** Contents of the elements of a name, in order; such documents do not nest an element in one of the same name. */
function* elementsOf(xml: string, name: string): Generator<string> {
  const opening = `<${name}`;
  let from = 0;
  for (;;) {
    const at = xml.indexOf(opening, from);
    if (at < 0) return;
    const begin = xml.indexOf('>', at);
    const isExact = /[\s>]/.test(xml.charAt(at + opening.length));
    if (begin < 0) return;
    if (!isExact) {
      from = at + opening.length;
      continue;
    }
    const end = xml.indexOf(`</${name}>`, begin);
    if (end < 0) return;
    yield xml.slice(begin + 1, end);
    from = end;
  }
}

function firstOf(xml: string, name: string): string | null {
  for (const content of elementsOf(xml, name)) return content.trim();
  return null;
}

/** The newest value of a series, in MW, with the end of its interval; null when it has none. */
function newestOf(series: string): { readonly megawatts: number; readonly atMs: number } | null {
  let newest: { readonly megawatts: number; readonly atMs: number } | null = null;
  for (const period of elementsOf(series, 'Period')) {
    const interval = firstOf(period, 'timeInterval') ?? '';
    const startMs = Date.parse(firstOf(interval, 'start') ?? '');
    const stepMs = RESOLUTIONS.get(firstOf(period, 'resolution') ?? '');
    if (Number.isNaN(startMs) || stepMs === undefined) continue;
    for (const point of elementsOf(period, 'Point')) {
      const position = Number(firstOf(point, 'position') ?? Number.NaN);
      const megawatts = Number(firstOf(point, 'quantity') ?? Number.NaN);
      if (!Number.isInteger(position) || position < 1 || !Number.isFinite(megawatts) || megawatts < 0) continue;
      const atMs = startMs + position * stepMs;
      if (newest === null || atMs > newest.atMs) newest = { megawatts, atMs };
    }
  }
  return newest;
}

/** Carbon intensity and renewable share of the newest generation in a GL_MarketDocument. */
export function readGeneration(xml: string): GridReading | GridProblem {
  if (xml.includes('<!')) return { problem: 'its answer holds declarations no such document has' };
  if (!xml.includes('<GL_MarketDocument')) {
    const reason = firstOf(xml, 'Reason') === null ? '' : ' (it has no data for the zone and time)';
    return { problem: `its answer is no generation document${reason}` };
  }
  const generation: { readonly fuel: Fuel; readonly megawatts: number; readonly atMs: number }[] = [];
  let seen = 0;
  for (const series of elementsOf(xml, 'TimeSeries')) {
    seen += 1;
    if (seen > MAX_SERIES) return { problem: 'its answer has too many series' };
    const type = firstOf(series, 'psrType');
    // What flows out of a zone's side is consumption, as of pumps.
    const isConsumption = firstOf(series, 'outBiddingZone_Domain.mRID') !== null;
    const newest = newestOf(series);
    if (type === null || type === PUMPED_STORAGE || isConsumption || newest === null) continue;
    generation.push({ fuel: FUELS.get(type) ?? OTHER_FUEL, ...newest });
  }
  const measuredAtMs = generation.reduce((latest, { atMs }) => Math.max(latest, atMs), Number.NEGATIVE_INFINITY);
  const current = generation.filter(({ atMs }) => atMs > measuredAtMs - STALE_MS);
  const total = current.reduce((sum, { megawatts }) => sum + megawatts, 0);
  if (total <= 0) return { problem: 'its answer has no generation' };
  const grams = current.reduce((sum, { fuel, megawatts }) => sum + fuel.grams * megawatts, 0);
  const green = current.reduce((sum, { fuel, megawatts }) => sum + (fuel.isRenewable ? megawatts : 0), 0);
  return { gramsPerKwh: grams / total, renewableFraction: green / total, measuredAtMs };
}

/** `202601312300`, in UTC. */
function periodText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\D/g, '').slice(0, 12);
}

/**
 * The transparency platform of Europe's transmission operators: generation by type of a zone, from which intensity and
 * renewable share follow. It counts what is generated there, not what is imported.
 */
export function entsoe({ baseUrl, key, nowMs }: GridAccess): GridSource {
  return {
    name: 'entsoe',
    async read(zone, signal) {
      const endMs = Math.ceil(nowMs() / HOUR_MS) * HOUR_MS;
      const url = new URL(baseUrl);
      url.searchParams.set('securityToken', key);
      url.searchParams.set('documentType', DOCUMENT_TYPE);
      url.searchParams.set('processType', PROCESS_TYPE);
      url.searchParams.set('in_Domain', zone);
      url.searchParams.set('periodStart', periodText(endMs - LOOK_BACK_MS));
      url.searchParams.set('periodEnd', periodText(endMs));
      const text = await readText(url, { accept: 'application/xml' }, signal);
      return typeof text === 'string' ? readGeneration(text) : text;
    },
  };
}
