/**
 * Watts one processor core is taken to draw under full load where nothing can be measured. Desktop and notebook
 * processors of the last years are rated between 4 and 9 W a core (65 W for 8 to 14 cores, 28 W for 6 to 8).
 */
export const WATTS_PER_CORE = 6;
/** Watts a graphics card is taken to draw at work where its maker's tool does not tell: a middle-class card. */
export const GRAPHICS_WATTS = 150;

/** What is known of this computer's use while the energy was drawn. */
export interface PowerUse {
  /** Use of the whole processor by this app and by everything else, 0 to 100. */
  readonly ownCpuPercent: number | null;
  readonly otherCpuPercent: number | null;
  /** Power of the processor package and of the graphics card, where a reader gives it. */
  readonly packageWatts: number | null;
  readonly graphicsWatts: number | null;
  readonly cores: number;
  /** The person's own figure for the processor under full load. */
  readonly fullLoadWatts: number | null;
}

export interface Energy {
  readonly joules: number;
  /** The part that was measured; the rest is an estimate. */
  readonly measuredJoules: number;
}

/**
 * Energy of this app's work (docs/volunteer.md, "How energy is reckoned"). A measured package is shared between this app
 * and the other programs by the processor time each used; without a measurement the app's use is taken times the power
 * under full load. A graphics card counts while a request is at work.
 *
 * @param seconds - in which layers were served
 * @param workingSeconds - of them, those with a request at work
 */
export function energyOf(use: PowerUse, device: string, seconds: number, workingSeconds: number): Energy {
  const processor = processorEnergy(use, seconds);
  if (device === 'cpu' || device === '') return processor;
  const joules = (use.graphicsWatts ?? GRAPHICS_WATTS) * workingSeconds;
  return {
    joules: processor.joules + joules,
    measuredJoules: processor.measuredJoules + (use.graphicsWatts === null ? 0 : joules),
  };
}

function processorEnergy(
  { ownCpuPercent, otherCpuPercent, packageWatts, cores, fullLoadWatts }: PowerUse,
  seconds: number,
): Energy {
  if (ownCpuPercent === null) return { joules: 0, measuredJoules: 0 };
  const own = Math.min(100, Math.max(0, ownCpuPercent));
  if (packageWatts !== null && otherCpuPercent !== null) {
    const busy = own + Math.max(0, otherCpuPercent);
    const joules = busy === 0 ? 0 : packageWatts * (own / busy) * seconds;
    return { joules, measuredJoules: joules };
  }
  return { joules: (own / 100) * (fullLoadWatts ?? cores * WATTS_PER_CORE) * seconds, measuredJoules: 0 };
}
