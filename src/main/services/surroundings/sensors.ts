import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Hardware monitors of processors on Linux, by the name their driver gives. */
const PROCESSOR_MONITORS: ReadonlySet<string> = new Set([
  'coretemp',
  'k10temp',
  'zenpower',
  'cpu_thermal',
  'soc_thermal',
]);

/** No processor runs outside of this; such a reading is a broken sensor. */
const PLAUSIBLE_CELSIUS = { lowest: -20, highest: 150 } as const;

async function readText(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return null;
  }
}

async function list(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch {
    return [];
  }
}

/** The hottest processor sensor below `root` (`/sys/class/hwmon`), in °C, or null where there is none. */
export async function readLinuxCelsius(root: string): Promise<number | null> {
  let hottest: number | null = null;
  for (const monitor of await list(root)) {
    const folder = join(root, monitor);
    if (!PROCESSOR_MONITORS.has((await readText(join(folder, 'name'))) ?? '')) continue;
    for (const file of await list(folder)) {
      if (!/^temp\d+_input$/.test(file)) continue;
      const celsius = Number(await readText(join(folder, file))) / 1_000;
      const plausible = celsius > PLAUSIBLE_CELSIUS.lowest && celsius < PLAUSIBLE_CELSIUS.highest;
      if (plausible && (hottest === null || celsius > hottest)) hottest = celsius;
    }
  }
  return hottest;
}

/** Energy the processor package has used, below `root` (`/sys/class/powercap/intel-rapl:0`); null where not readable. */
export async function readLinuxJoules(root: string): Promise<number | null> {
  const text = await readText(join(root, 'energy_uj'));
  const microjoules = text === null || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(microjoules) ? microjoules / 1e6 : null;
}

/** Watts from a counter that only grows; it wraps around now and then, and that reading is left out. */
export class PowerFromEnergy {
  #last: { readonly joules: number; readonly atMs: number } | null = null;

  next(joules: number | null, atMs: number): number | null {
    const last = this.#last;
    this.#last = joules === null ? null : { joules, atMs };
    if (last === null || joules === null || atMs <= last.atMs || joules < last.joules) return null;
    return ((joules - last.joules) * 1_000) / (atMs - last.atMs);
  }
}

export interface GraphicsReading {
  readonly celsius: number | null;
  readonly percent: number | null;
  readonly watts: number | null;
}

/** What `nvidia-smi --query-gpu=temperature.gpu,utilization.gpu,power.draw --format=csv,noheader,nounits` prints, by card. */
export function parseNvidiaQuery(text: string): readonly GraphicsReading[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [celsius, percent, watts] = line.split(',').map((part) => {
        const value = part.trim();
        return value === '' || !Number.isFinite(Number(value)) ? null : Number(value);
      });
      return { celsius: celsius ?? null, percent: percent ?? null, watts: watts ?? null };
    });
}
