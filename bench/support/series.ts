import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from './measured-model';

/** What was measured at one moment. */
export interface Series {
  /** Which part of the run it belongs to. */
  readonly part: string;
  readonly hours: number;
  readonly values: Readonly<Record<string, number>>;
}

interface SeriesReport {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  /** Share of each part at its beginning that is drawn but not judged. */
  readonly warmUpShare: number;
  readonly samples: readonly Series[];
}

const FOLDER = join(process.cwd(), 'bench', 'results');
const PLOT = { width: 860, height: 150, left: 60, right: 20, top: 34, bottom: 24 } as const;

/** Change per hour of a least-squares line. */
function slopeOf(points: readonly { readonly hours: number; readonly value: number }[]): number {
  const count = points.length;
  const meanX = points.reduce((sum, { hours }) => sum + hours, 0) / count;
  const meanY = points.reduce((sum, { value }) => sum + value, 0) / count;
  const over = points.reduce((sum, { hours, value }) => sum + (hours - meanX) * (value - meanY), 0);
  const under = points.reduce((sum, { hours }) => sum + (hours - meanX) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

/**
 * Prints and writes to `bench/results` how each figure went: the median of the first and the last quarter after the
 * warm-up, the slope, and a plot.
 */
export async function writeSeries({ name, title, note, warmUpShare, samples }: SeriesReport): Promise<void> {
  const figures = Object.keys(samples[0]?.values ?? {});
  const lines = [`# ${title}`, '', note, ''];
  for (const part of new Set(samples.map((sample) => sample.part))) {
    const all = samples.filter((sample) => sample.part === part);
    const judged = all.slice(Math.floor(all.length * warmUpShare));
    const quarter = Math.max(1, Math.floor(judged.length / 4));
    lines.push(`## ${part}`, '', '| | first quarter | last quarter | change per hour |', '|---|---|---|---|');
    for (const figure of figures) {
      const points = judged.map(({ hours, values }) => ({ hours, value: values[figure] ?? Number.NaN }));
      const early = median(points.slice(0, quarter).map(({ value }) => value));
      const late = median(points.slice(-quarter).map(({ value }) => value));
      lines.push(`| ${figure} | ${early.toFixed(1)} | ${late.toFixed(1)} | ${slopeOf(points).toFixed(2)} |`);
    }
    lines.push('');
  }
  lines.push(`![Over time](${name}.svg)`, '');
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${name}.md`), lines.join('\n'));
  await writeFile(join(FOLDER, `${name}.svg`), plot(figures, samples));
  console.log(lines.join('\n'));
}

function plot(figures: readonly string[], samples: readonly Series[]): string {
  const { width, height, left, right, top, bottom } = PLOT;
  const first = samples[0]?.hours ?? 0;
  const last = samples.at(-1)?.hours ?? 1;
  const panels = figures.map((figure, index) => {
    const values = samples.map((sample) => sample.values[figure] ?? 0);
    const most = Math.max(1, ...values) * 1.1;
    const points = samples.map(({ hours }, at) => {
      const x = left + ((hours - first) / Math.max(last - first, 1e-9)) * (width - left - right);
      const y = height - bottom - ((values[at] ?? 0) / most) * (height - top - bottom);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    return [
      `<g transform="translate(0 ${index * height})">`,
      `<text x="${left}" y="20" font-size="14">${figure}</text>`,
      `<text x="${left - 8}" y="${top + 10}" text-anchor="end">${most.toFixed(0)}</text>`,
      `<text x="${left - 8}" y="${height - bottom}" text-anchor="end">0</text>`,
      `<line x1="${left}" y1="${height - bottom}" x2="${width - right}" y2="${height - bottom}" stroke="#999"/>`,
      `<polyline fill="none" stroke="#1d4fa3" stroke-width="1.5" points="${points.join(' ')}"/>`,
      '</g>',
    ].join('');
  });
  const tall = height * figures.length + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${tall}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...panels,
    `<text x="${width - right}" y="${tall - 6}" text-anchor="end">hours of simulated and real time</text>`,
    '</svg>',
    '',
  ].join('\n');
}
