/** Processor time of all cores since the start of the system, in any unit. */
export interface ProcessorTimes {
  readonly busy: number;
  readonly total: number;
}

/** Sums what `os.cpus()` tells of each core. */
export function processorTimes(
  cores: readonly { readonly times: { user: number; nice: number; sys: number; idle: number; irq: number } }[],
): ProcessorTimes {
  let busy = 0;
  let total = 0;
  for (const { times } of cores) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    total += used + times.idle;
  }
  return { busy, total };
}

/**
 * Use of the whole processor by other programs between two readings, 0 to 100; null when no time has passed or the
 * counters went backwards, as they do after a sleep on some systems.
 * @param ownPercent - of the whole processor, by this app's own processes
 */
export function otherUse(before: ProcessorTimes, now: ProcessorTimes, ownPercent: number): number | null {
  const total = now.total - before.total;
  const busy = now.busy - before.busy;
  if (total <= 0 || busy < 0) return null;
  return Math.min(100, Math.max(0, (100 * busy) / total - ownPercent));
}
