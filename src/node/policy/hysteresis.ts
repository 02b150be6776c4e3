/** Limits that are exceeded, by name, until their value is back below the lower mark. */
export type Hysteresis = readonly string[];

export const NO_HYSTERESIS: Hysteresis = [];

/** One decision's view of the limits: it asks about values and collects what the next decision must know. */
export interface HeldLimits {
  /**
   * Whether a limit counts as exceeded: from `above` on, and once it was, until the value is below `releaseBelow`.
   * A value that cannot be read exceeds nothing.
   */
  exceeds(name: string, value: number | null, above: number, releaseBelow: number): boolean;
  next(): Hysteresis;
}

export function remember(before: Hysteresis): HeldLimits {
  const held = new Set<string>();
  return {
    exceeds(name, value, above, releaseBelow) {
      if (value === null) return false;
      const exceeded = before.includes(name) ? value >= releaseBelow : value > above;
      if (exceeded) held.add(name);
      return exceeded;
    },
    next: () => [...held].toSorted(),
  };
}
