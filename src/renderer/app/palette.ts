/** The colours of one scheme; every pair used for text reaches a contrast of 4.5:1 (see the test). */
export interface Palette {
  readonly surface: string;
  readonly card: string;
  /** A step away from the card: hovered rows, code, tiles at rest. */
  readonly sunken: string;
  readonly line: string;
  /** Edges of controls, which must stand out from the card by 3:1. */
  readonly edge: string;
  readonly ink: string;
  readonly muted: string;
  /** Text on an accent fill. */
  readonly onAccent: string;
  readonly cobalt: string;
  readonly cobaltHover: string;
  readonly cobaltSoft: string;
  readonly turquoise: string;
  readonly turquoiseHover: string;
  readonly turquoiseSoft: string;
  readonly amber: string;
  readonly amberHover: string;
  readonly amberSoft: string;
  readonly coral: string;
  readonly coralHover: string;
  readonly coralSoft: string;
}

/** Warm paper. */
export const LIGHT: Palette = {
  surface: '#FAF8F4',
  card: '#FFFFFF',
  sunken: '#F4F1EB',
  line: '#E6E1D8',
  edge: '#8F887B',
  ink: '#1E2125',
  muted: '#5B6068',
  onAccent: '#FFFFFF',
  cobalt: '#1D4FA3',
  cobaltHover: '#173F84',
  cobaltSoft: '#E9EFF8',
  turquoise: '#0B7F7F',
  turquoiseHover: '#086666',
  turquoiseSoft: '#E2F1F0',
  amber: '#9A6200',
  amberHover: '#7C4F00',
  amberSoft: '#FBF0DC',
  coral: '#B8402F',
  coralHover: '#983323',
  coralSoft: '#FBEAE6',
};

/** Ink. */
export const DARK: Palette = {
  surface: '#14161A',
  card: '#1C1F25',
  sunken: '#23272E',
  line: '#2C3038',
  edge: '#6C737E',
  ink: '#ECE9E3',
  muted: '#A3A8B0',
  onAccent: '#14161A',
  cobalt: '#7FA8F5',
  cobaltHover: '#9ABBF8',
  cobaltSoft: '#1F2B43',
  turquoise: '#4CC7C1',
  turquoiseHover: '#71D5D0',
  turquoiseSoft: '#16302F',
  amber: '#F0B45A',
  amberHover: '#F4C57F',
  amberSoft: '#362A17',
  coral: '#FF9483',
  coralHover: '#FFAC9F',
  coralSoft: '#3B2320',
};

/** Relative luminance of a `#RRGGBB` colour (WCAG 2.2). */
function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

/** Contrast ratio of two `#RRGGBB` colours, 1 to 21 (WCAG 2.2). */
export function contrast(first: string, second: string): number {
  const [low = 0, high = 0] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
