import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyView } from '../../../contract/policy';
import { CHECK_NAMES, type CheckName, type CheckResult, type SelfTestView } from '../../../contract/support';
import type { StartEngine } from '../../../node';
import type { NodeSnapshot } from '../../../protocol/compute/node-snapshot';
import type { Failure, Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';
import { writeFailure } from '../../storage/atomic-file';
import { isoTime, type Timers } from '../timers';
import { askGolden, GOLDEN } from './golden-answer';

/** Less free space than this will soon be too little for a model. */
const LITTLE_DISK_BYTES = 2 * 1_073_741_824;
const PROBE_BYTES = 65_536;

export interface SelfTestOptions {
  readonly startEngine: StartEngine;
  readonly modelFolder: string;
  /** Cut shards of the test; the shipped model's are small and kept for the next time. */
  readonly cacheFolder: string;
  readonly dataFolder: string;
  readonly node: () => NodeSnapshot;
  /** `GET` of a path at the coordinator. */
  readonly fetchJson: (path: string) => Promise<Result<unknown>>;
  readonly policy: () => PolicyView;
  readonly graphicsWatts: () => number | null;
  readonly timers: Timers;
}

type Outcome = Pick<CheckResult, 'verdict' | 'facts'> & { readonly failure?: Failure | null };

const WAITING: readonly CheckResult[] = CHECK_NAMES.map((name) => ({
  name,
  verdict: 'waiting',
  facts: {},
  failure: null,
}));

/** Whether this computer can do its part: one check after the other, each with a verdict in plain words. */
export class SelfTest {
  readonly #options: SelfTestOptions;
  #view: SelfTestView = { running: false, finishedAt: null, checks: WAITING };
  #stopping: AbortController | null = null;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  get view(): SelfTestView {
    return this.#view;
  }

  /** Runs every check. Does nothing while a test runs. */
  async run(): Promise<void> {
    if (this.#stopping !== null) return;
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#view = { running: true, finishedAt: null, checks: WAITING };
    for (const name of CHECK_NAMES) {
      if (stopping.signal.aborted) break;
      this.#set(name, { verdict: 'running', facts: {} });
      const outcome = await this.#check(name, stopping.signal);
      this.#set(name, stopping.signal.aborted ? { verdict: 'waiting', facts: {} } : outcome);
    }
    this.#stopping = null;
    this.#view = {
      ...this.#view,
      running: false,
      finishedAt: stopping.signal.aborted ? null : isoTime(this.#options.timers.now()),
    };
  }

  cancel(): void {
    this.#stopping?.abort();
  }

  #set(name: CheckName, { failure = null, ...outcome }: Outcome): void {
    const result: CheckResult = { name, failure, ...outcome };
    this.#view = { ...this.#view, checks: this.#view.checks.map((check) => (check.name === name ? result : check)) };
  }

  async #check(name: CheckName, signal: AbortSignal): Promise<Outcome> {
    switch (name) {
      case 'engine':
        return this.#checkEngine();
      case 'answer':
        return this.#checkAnswer(signal);
      case 'coordinator':
        return this.#checkCoordinator();
      case 'disk':
        return this.#checkDisk();
      case 'power':
        return this.#checkPower();
      case 'readings':
        return this.#checkReadings();
    }
  }

  async #checkEngine(): Promise<Outcome> {
    const started = await this.#options.startEngine();
    if (!started.ok) return bad(started.error);
    const { engine } = started.value;
    try {
      const providers = await engine.listProviders();
      if (!providers.ok) return bad(providers.error);
      const names = providers.value.filter(({ available }) => available).map(({ name }) => name);
      return { verdict: names.length === 0 ? 'bad' : 'good', facts: { providers: names.join(', ') } };
    } finally {
      await engine.close();
    }
  }

  async #checkAnswer(signal: AbortSignal): Promise<Outcome> {
    const { startEngine, modelFolder, cacheFolder } = this.#options;
    const run = await askGolden(startEngine, { model: modelFolder, cache: cacheFolder }, signal);
    if (!run.ok) return bad(run.error);
    const { answer, provider, durationMs } = run.value;
    return { verdict: answer === GOLDEN.answer ? 'good' : 'bad', facts: { provider, durationMs } };
  }

  async #checkCoordinator(): Promise<Outcome> {
    const { node, fetchJson } = this.#options;
    const { coordinator, state } = node();
    if (coordinator.url === '') {
      return bad(mainFailure('not-connected', 'No coordinator is known yet.', { retryable: true }).error);
    }
    const startedMs = performance.now();
    const answer = await fetchJson('/inference/models');
    if (!answer.ok) return bad(answer.error);
    const facts = { name: coordinator.name ?? coordinator.url, durationMs: performance.now() - startedMs };
    const suspended = state.kind === 'paused' && state.reason.kind === 'suspended';
    return { verdict: suspended ? 'warning' : 'good', facts };
  }

  async #checkDisk(): Promise<Outcome> {
    const { dataFolder } = this.#options;
    const probe = join(dataFolder, `self-test-${randomBytes(6).toString('hex')}`);
    const bytes = randomBytes(PROBE_BYTES);
    try {
      await mkdir(dataFolder, { recursive: true });
      await writeFile(probe, bytes);
      if (!bytes.equals(await readFile(probe))) {
        return bad(mainFailure('disk-failed', 'What was written to the disk did not come back the same.').error);
      }
      const { bavail, bsize } = await statfs(dataFolder);
      const freeBytes = bavail * bsize;
      return { verdict: freeBytes < LITTLE_DISK_BYTES ? 'warning' : 'good', facts: { freeBytes } };
    } catch (thrown) {
      return bad(writeFailure('A file of the self-test', thrown).error);
    } finally {
      await rm(probe, { force: true });
    }
  }

  #checkPower(): Outcome {
    const watts = [this.#options.policy().surroundings.watts, this.#options.graphicsWatts()];
    const measured = watts.filter((value) => value !== null);
    return {
      verdict: measured.length > 0 ? 'good' : 'warning',
      facts: { watts: Math.round(measured.reduce((sum, value) => sum + value, 0)) },
    };
  }

  #checkReadings(): Outcome {
    const { unreadable } = this.#options.policy();
    return {
      verdict: unreadable.length === 0 ? 'good' : 'warning',
      facts: { what: unreadable.map(({ why }) => why).join(' ') },
    };
  }
}

function bad(failure: Failure): Outcome {
  return { verdict: 'bad', facts: {}, failure };
}

/** For a caller that must not wait: what a test throws is a bug, and is told. */
export function runInBackground(test: SelfTest, onBug: (reason: string) => void): void {
  test.run().catch((thrown: unknown) => onBug(reasonOf(thrown)));
}
