import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';

/** One measured thing and how it stands to what it is measured against: above 1 is better. */
export interface ReportRow {
  readonly name: string;
  readonly ours: number;
  readonly baseline: number;
  readonly ratio: number;
}

export interface Report {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly baselineName: string;
  readonly note: string;
  readonly rows: readonly ReportRow[];
}

const FOLDER = join(process.cwd(), 'bench', 'results');
const BAR = { height: 22, gap: 10, left: 260, right: 90 } as const;
/** Pixels of a ratio of 1, and of the longest bar at most. */
const SCALE = { equal: 180, longest: 900 } as const;

/** Prints a table and writes it, with a plot of the ratios beside it, to `bench/results`. */
export async function writeReport(report: Report): Promise<void> {
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  const lines = [
    `# ${report.title}`,
    '',
    `${availableParallelism()} cores (${processor}). ${report.note}`,
    '',
    `| | ours, ${report.unit} | ${report.baselineName}, ${report.unit} | ratio |`,
    '|---|---|---|---|',
    ...report.rows.map(
      (row) => `| ${row.name} | ${row.ours.toFixed(1)} | ${row.baseline.toFixed(1)} | ${row.ratio.toFixed(2)} |`,
    ),
    '',
    `![Ratios](${report.name}.svg)`,
    '',
  ];
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${report.name}.md`), lines.join('\n'));
  await writeFile(join(FOLDER, `${report.name}.svg`), plot(report));
  console.log(lines.join('\n'));
}

/** Horizontal bars, and a line where both are equal. */
function plot({ rows, title, baselineName }: Report): string {
  const most = Math.max(1.2, ...rows.map(({ ratio }) => ratio));
  const scale = Math.min(SCALE.equal, SCALE.longest / most);
  const width = BAR.left + most * scale + BAR.right;
  const top = 40;
  const height = top + rows.length * (BAR.height + BAR.gap) + 30;
  const bars = rows.map(({ name, ratio }, index) => {
    const y = top + index * (BAR.height + BAR.gap);
    const text = y + BAR.height - 6;
    const colour = ratio >= 1 ? '#2f7d5b' : '#b3702a';
    return [
      `<text x="${BAR.left - 10}" y="${text}" text-anchor="end">${escapeText(name)}</text>`,
      `<rect x="${BAR.left}" y="${y}" width="${ratio * scale}" height="${BAR.height}" rx="3" fill="${colour}"/>`,
      `<text x="${BAR.left + ratio * scale + 8}" y="${text}">${ratio.toFixed(2)}</text>`,
    ].join('');
  });
  const equal = BAR.left + scale;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="12" y="22" font-size="15">${escapeText(title)}</text>`,
    ...bars,
    `<line x1="${equal}" y1="${top - 6}" x2="${equal}" y2="${height - 24}" stroke="#444" stroke-dasharray="4 3"/>`,
    `<text x="${equal}" y="${height - 8}" text-anchor="middle">1.0 = ${escapeText(baselineName)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
