// What the app costs a volunteer: time from start to the tray and to a usable window, and memory and processor time
// while it serves without a request. Linux only, because it reads /proc. Usage: node scripts/bench.mjs app [starts] [idle seconds]
import { _electron, type ElectronApplication, type Page } from '@playwright/test';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { electronEnvironment, ensureElectron } from '../scripts/electron-runtime.mjs';

const projectDirectory = resolve('.');
const starts = Number(process.argv[2] ?? 5);
const idleSeconds = Number(process.argv[3] ?? 60);
/** Linux reports processor time in ticks of this length on every supported architecture. */
const TICKS_PER_SECOND = 100;

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface ProcessFigures {
  readonly parent: number;
  readonly ticks: number;
  /** Proportional set size: shared pages are split among the processes that share them. */
  readonly bytes: number;
}

async function readProcess(pid: number): Promise<ProcessFigures | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]), bytes: kilobytes * 1024 };
  } catch {
    // The process ended between the listing and the reading.
    return null;
  }
}

/** The app's main process and everything it started. */
async function readTree(root: number): Promise<readonly ProcessFigures[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid));
  const all = new Map<number, ProcessFigures>();
  for (const pid of pids) {
    const figures = await readProcess(pid);
    if (figures !== null) all.set(pid, figures);
  }
  const isInTree = (pid: number): boolean => {
    if (pid === root) return true;
    const figures = all.get(pid);
    return figures !== undefined && figures.parent > 1 && isInTree(figures.parent);
  };
  return [...all].filter(([pid]) => isInTree(pid)).map(([, figures]) => figures);
}

async function measureIdle(electron: ElectronApplication): Promise<{ megabytes: number; percent: number }> {
  const root = electron.process().pid ?? 0;
  const sum = (tree: readonly ProcessFigures[], of: (figures: ProcessFigures) => number): number =>
    tree.reduce((total, figures) => total + of(figures), 0);
  const before = sum(await readTree(root), ({ ticks }) => ticks);
  await sleep(idleSeconds * 1_000);
  const tree = await readTree(root);
  const seconds = (sum(tree, ({ ticks }) => ticks) - before) / TICKS_PER_SECOND;
  return { megabytes: sum(tree, ({ bytes }) => bytes) / 1e6, percent: (100 * seconds) / idleSeconds };
}

async function launch(
  profile: string,
): Promise<{ electron: ElectronApplication; window: Page; interactiveMs: number }> {
  const begun = performance.now();
  const electron = await _electron.launch({
    cwd: projectDirectory,
    args: [projectDirectory],
    env: { ...(process.env as Record<string, string>), TORE_USER_DATA: profile },
    chromiumSandbox: process.getuid?.() !== 0,
  });
  const window = await electron.firstWindow();
  await window.getByTestId('welcome-next').or(window.getByTestId('status-state')).first().waitFor();
  return { electron, window, interactiveMs: performance.now() - begun };
}

/** Milliseconds from the start of the app's process to its icon in the tray, of every start in the app's log. */
async function readTrayTimes(profile: string): Promise<readonly number[]> {
  const lines = (await readFile(join(profile, 'logs', 'main.log'), 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const afterStart = /"afterStartMs":(\d+)/.exec(line)?.[1];
    return afterStart === undefined ? [] : [Number(afterStart)];
  });
}

Object.assign(process.env, electronEnvironment(await ensureElectron({ quiet: true })));
const profile = await mkdtemp(join(tmpdir(), 'tore-bench-'));
try {
  const first = await launch(profile);
  const consent = performance.now();
  await first.window.getByTestId('welcome-next').click();
  await first.window.getByTestId('welcome-accept').click();
  await first.window.getByTestId('welcome-open-chat').and(first.window.locator(':enabled')).waitFor();
  const servingMs = performance.now() - consent;
  await first.window.getByTestId('welcome-open-dashboard').click();
  const serving = await measureIdle(first.electron);
  await first.window.getByTestId('pause-button').click();
  await first.window.getByTestId('pause-untilResumed').click();
  await first.window.getByTestId('resume-button').waitFor();
  const paused = await measureIdle(first.electron);
  await first.electron.close();

  const later: number[] = [];
  for (let index = 0; index < starts; index += 1) {
    const { electron, interactiveMs } = await launch(profile);
    later.push(interactiveMs);
    await electron.close();
  }
  const trayTimes = (await readTrayTimes(profile)).slice(-starts);
  const row = (what: string, value: string): void => console.log(`| ${what} | ${value} |`);
  row('figure', 'value');
  row('---', '---');
  row('first start to a usable window', `${(first.interactiveMs / 1_000).toFixed(1)} s`);
  row('consent to serving, first time (benchmark and cutting included)', `${(servingMs / 1_000).toFixed(1)} s`);
  row(`later starts to a usable window, median of ${starts}`, `${(median(later) / 1_000).toFixed(1)} s`);
  row(
    `later starts to the icon in the tray, median of ${trayTimes.length}`,
    `${(median(trayTimes) / 1_000).toFixed(1)} s`,
  );
  row('serving without a request: memory of all processes', `${serving.megabytes.toFixed(0)} MB`);
  row(
    `serving without a request: processor, one core = 100 %, over ${idleSeconds} s`,
    `${serving.percent.toFixed(1)} %`,
  );
  row('paused: memory of all processes', `${paused.megabytes.toFixed(0)} MB`);
  row(`paused: processor over ${idleSeconds} s`, `${paused.percent.toFixed(1)} %`);
} finally {
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
