import { readText, type GridAccess, type GridProblem, type GridReading, type GridSource } from './grid-source';

/** Where its interface is, version 3. */
export const ELECTRICITY_MAPS_URL = 'https://api.electricitymaps.com';

function readJson(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function readNumber(value: unknown, maximum: number): number | null {
  return typeof value === 'number' && value >= 0 && value <= maximum ? value : null;
}

/** More than any mix of fuels gives off. */
const MAX_GRAMS_PER_KWH = 5_000;

/** Electricity Maps: life-cycle carbon intensity and renewable share of what a zone consumes, as it gives them. */
export function electricityMaps({ baseUrl, key }: GridAccess): GridSource {
  const ask = async (
    path: string,
    zone: string,
    signal: AbortSignal,
  ): Promise<{ readonly answer: Record<string, unknown> } | GridProblem> => {
    const url = new URL(`${baseUrl.replace(/\/+$/, '')}/v3/${path}/latest`);
    url.searchParams.set('zone', zone);
    const text = await readText(url, { 'auth-token': key }, signal);
    if (typeof text !== 'string') return text;
    const answer = readJson(text);
    return answer === null ? { problem: 'its answer is not JSON' } : { answer };
  };
  return {
    name: 'electricity-maps',
    async read(zone, signal): Promise<GridReading | GridProblem> {
      const intensity = await ask('carbon-intensity', zone, signal);
      if ('problem' in intensity) return intensity;
      const mix = await ask('power-breakdown', zone, signal);
      if ('problem' in mix) return mix;
      const gramsPerKwh = readNumber(intensity.answer['carbonIntensity'], MAX_GRAMS_PER_KWH);
      const renewable = readNumber(mix.answer['renewablePercentage'], 100);
      const { datetime } = intensity.answer;
      const measuredAtMs = typeof datetime === 'string' ? Date.parse(datetime) : Number.NaN;
      if (gramsPerKwh === null || renewable === null || Number.isNaN(measuredAtMs)) {
        return { problem: 'its answer has no carbon intensity, renewable share or time' };
      }
      return { gramsPerKwh, renewableFraction: renewable / 100, measuredAtMs };
    },
  };
}
