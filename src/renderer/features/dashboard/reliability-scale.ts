/** The ends of the scale and the limit below which a node is suspended (tore-0001, formulas). */
export const RELIABILITY_SCALE = { least: 0.5, most: 1, suspendedBelow: 0.52 } as const;

/** Place of a reliability on its scale, 0 to 1; values outside are put at the ends. */
export function scalePosition(reliability: number): number {
  const { least, most } = RELIABILITY_SCALE;
  return Math.min(1, Math.max(0, (reliability - least) / (most - least)));
}

/** The dial is open at the bottom: three quarters of a circle from lower left to lower right. */
const START_DEGREES = 135;
const SWEEP_DEGREES = 270;

/** SVG path of the dial between two places on it, each 0 to 1. */
export function arcPath(centre: number, radius: number, from: number, to: number): string {
  const point = (place: number): string => {
    const angle = ((START_DEGREES + SWEEP_DEGREES * place) * Math.PI) / 180;
    return `${(centre + radius * Math.cos(angle)).toFixed(2)} ${(centre + radius * Math.sin(angle)).toFixed(2)}`;
  };
  const large = (to - from) * SWEEP_DEGREES > 180 ? 1 : 0;
  return `M ${point(from)} A ${radius} ${radius} 0 ${large} 1 ${point(to)}`;
}
