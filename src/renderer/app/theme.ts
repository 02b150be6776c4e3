import {
  createTheme,
  defaultVariantColorsResolver,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from '@mantine/core';
import { DARK, LIGHT, type Palette } from './palette';

/** Places of a colour in its tuple; both schemes find their own shade there. */
const LIGHT_SHADE = 6;
const DARK_SHADE = 3;

const accentNames = ['cobalt', 'turquoise', 'amber', 'coral'] as const;
type AccentName = (typeof accentNames)[number];

function accentTuple(name: AccentName): MantineColorsTuple {
  const [dark, light] = [DARK[name], LIGHT[name]];
  const [softLight, softDark] = [LIGHT[`${name}Soft`], DARK[`${name}Soft`]];
  const hoverDark = DARK[`${name}Hover`];
  const hoverLight = LIGHT[`${name}Hover`];
  return [softLight, softLight, hoverDark, dark, dark, light, light, hoverLight, hoverLight, softDark];
}

/** Fills carry text that is readable in both schemes: Mantine's own rule knows one colour for both. */
const variantColorResolver: VariantColorsResolver = (input) => {
  const resolved = defaultVariantColorsResolver(input);
  return input.variant === 'filled' ? { ...resolved, color: 'var(--tore-on-accent)' } : resolved;
};

const systemFont =
  "system-ui, -apple-system, 'Segoe UI', 'Inter', 'Cantarell', 'Noto Sans', 'Helvetica Neue', Arial, sans-serif";
const monospaceFont = "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', monospace";

export const theme = createTheme({
  primaryColor: 'cobalt',
  primaryShade: { light: LIGHT_SHADE, dark: DARK_SHADE },
  colors: {
    cobalt: accentTuple('cobalt'),
    turquoise: accentTuple('turquoise'),
    amber: accentTuple('amber'),
    coral: accentTuple('coral'),
    // Mantine paints every dark surface, line and text from this tuple, and the light ones from `gray`.
    dark: [
      DARK.ink,
      '#C9C7C3',
      DARK.muted,
      '#8C929C',
      DARK.line,
      DARK.sunken,
      DARK.card,
      DARK.surface,
      '#101216',
      '#0B0C0F',
    ],
    gray: [
      LIGHT.surface,
      LIGHT.sunken,
      '#ECE7DE',
      LIGHT.line,
      '#D6D0C4',
      LIGHT.edge,
      LIGHT.muted,
      '#4A4E55',
      '#33373C',
      LIGHT.ink,
    ],
  },
  white: LIGHT.card,
  black: LIGHT.ink,
  variantColorResolver,
  fontFamily: systemFont,
  fontFamilyMonospace: monospaceFont,
  fontSizes: { xs: '12px', sm: '13px', md: '15px', lg: '18px', xl: '24px' },
  lineHeights: { xs: '1.4', sm: '1.45', md: '1.5', lg: '1.4', xl: '1.25' },
  spacing: { xs: '4px', sm: '8px', md: '12px', lg: '16px', xl: '24px' },
  radius: { xs: '4px', sm: '6px', md: '8px', lg: '8px', xl: '8px' },
  defaultRadius: 'md',
  headings: {
    fontFamily: systemFont,
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '24px', lineHeight: '1.25' },
      h2: { fontSize: '15px', lineHeight: '1.4' },
      h3: { fontSize: '13px', lineHeight: '1.45' },
    },
  },
  shadows: {
    xs: 'none',
    sm: '0 4px 16px rgba(0, 0, 0, 0.12)',
    md: '0 4px 16px rgba(0, 0, 0, 0.12)',
    lg: '0 4px 16px rgba(0, 0, 0, 0.12)',
    xl: '0 4px 16px rgba(0, 0, 0, 0.12)',
  },
  focusRing: 'auto',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 400, transitionProps: { duration: 100 }, multiline: true, maw: 320 } },
    Popover: { defaultProps: { transitionProps: { duration: 120 }, shadow: 'sm' } },
    Menu: { defaultProps: { transitionProps: { duration: 120 }, shadow: 'sm' } },
    Drawer: { defaultProps: { transitionProps: { duration: 160 } } },
    Modal: { defaultProps: { transitionProps: { duration: 160 } } },
    Button: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { checkIconPosition: 'right' } },
    Switch: { defaultProps: { withThumbIndicator: false } },
  },
});

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function schemeVariables(palette: Palette): Record<string, string> {
  const own = Object.fromEntries(Object.entries(palette).map(([name, value]) => [`--tore-${kebab(name)}`, value]));
  const accents = accentNames.flatMap((name) => [
    [`--mantine-color-${name}-text`, palette[name]],
    [`--mantine-color-${name}-filled`, palette[name]],
    [`--mantine-color-${name}-filled-hover`, palette[`${name}Hover`]],
    [`--mantine-color-${name}-light`, palette[`${name}Soft`]],
    [`--mantine-color-${name}-light-hover`, palette[`${name}Soft`]],
    [`--mantine-color-${name}-light-color`, palette.ink],
    [`--mantine-color-${name}-outline`, palette[name]],
    [`--mantine-color-${name}-outline-hover`, palette[`${name}Soft`]],
  ]);
  return {
    ...own,
    ...(Object.fromEntries(accents) as Record<string, string>),
    '--mantine-primary-color-contrast': palette.onAccent,
    '--mantine-color-text': palette.ink,
    '--mantine-color-bright': palette.ink,
    '--mantine-color-body': palette.surface,
    '--mantine-color-dimmed': palette.muted,
    '--mantine-color-placeholder': palette.muted,
    '--mantine-color-anchor': palette.cobalt,
    '--mantine-color-error': palette.coral,
    '--mantine-color-success': palette.turquoise,
    '--mantine-color-default': palette.card,
    '--mantine-color-default-hover': palette.sunken,
    '--mantine-color-default-color': palette.ink,
    '--mantine-color-default-border': palette.line,
    '--mantine-color-disabled': palette.sunken,
    '--mantine-color-disabled-color': palette.muted,
    '--mantine-color-disabled-border': palette.line,
  };
}

/** Carries the palette into CSS, as `--tore-*` and in place of Mantine's own choices. */
export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: schemeVariables(LIGHT),
  dark: schemeVariables(DARK),
});
