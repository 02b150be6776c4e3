import type { StateTime, WorkCounter } from '../../../contract/records';
import type { ChallengeRecord, NodeSnapshot, NodeState } from '../../../protocol/compute/node-snapshot';
import type { WorkSample } from '../../../records';
import type { Timers } from '../timers';
import { energyOf, type PowerUse } from './energy';

/** What is known is taken down at least this often; a state that changes is taken down at once. */
const SAMPLE_INTERVAL_MS = 30_000;
/** Written to the disk this often; a crash loses no more than this. */
const WRITE_INTERVAL_MS = 60_000;
/** A longer gap means that the computer slept: what happened in it was not work. */
const MAX_GAP_MS = 2 * SAMPLE_INTERVAL_MS + 30_000;
/** Bounds what waits while the file cannot be written. */
const MAX_WAITING = 500;
/** Quarters of an hour: every clock hour of every time zone is made of whole ones. */
const QUARTER_MS = 900_000;

/** Counters of the node, which begin anew with every start of the app. */
const NODE_COUNTERS = [
  ['requests', 'requestsServed'],
  ['requestsFailed', 'requestsFailed'],
  ['tokens', 'tokensServed'],
  ['flops', 'flopsServed'],
] as const;

export interface WorkRecorderOptions {
  readonly node: () => NodeSnapshot;
  readonly power: () => PowerUse;
  /** Renewable share of the grid here, 0 to 1; null where it is not known. */
  readonly renewableFraction: () => number | null;
  readonly write: (samples: readonly WorkSample[]) => Promise<void>;
  readonly timers: Timers;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
}

interface Sum {
  readonly atMs: number;
  readonly model: string;
  readonly device: string;
  readonly work: Partial<Record<WorkCounter, number>>;
  readonly states: Map<string, number>;
}

interface Seen {
  readonly state: string;
  readonly model: string;
  readonly device: string;
  readonly working: boolean;
  readonly node: NodeSnapshot;
  readonly atMs: number;
}

/** A state as it is summed up: one word, and of a pause its reason. */
export function stateName(state: NodeState): string {
  switch (state.kind) {
    case 'paused':
      return `paused:${state.reason.kind}`;
    case 'waiting':
    case 'connecting':
      return 'offline';
    case 'preparing':
    case 'registering':
    case 'loading':
      return 'preparing';
    case 'serving':
    case 'failed':
    case 'off':
      return state.kind;
  }
}

/** Takes down what the node does: how long it was in which state, and what its counters gained. */
export class WorkRecorder {
  readonly #options: WorkRecorderOptions;
  readonly #ends: (() => void)[];
  #seen: Seen;
  #sums = new Map<string, Sum>();
  #lastVerdict = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(options: WorkRecorderOptions) {
    this.#options = options;
    this.#seen = this.#look(options.node());
    this.#ends = [
      options.timers.every(SAMPLE_INTERVAL_MS, () => this.#take(options.node())),
      options.timers.every(WRITE_INTERVAL_MS, () => void this.flush()),
    ];
  }

  /** The node changed; only what changes the reckoning is taken down at once. */
  onSnapshot(node: NodeSnapshot): void {
    const { state, model, device, working } = this.#seen;
    const next = this.#look(node);
    if (next.state === state && next.model === model && next.device === device && next.working === working) return;
    this.#take(node);
  }

  /** @param eventType - the ledger event behind the change; null where a coordinator tells none */
  onBalance(amountMicroGft: number | null, eventType: string | null): void {
    if (amountMicroGft === null || amountMicroGft === 0) return;
    const sum = this.#sum();
    const size = Math.abs(amountMicroGft);
    if (eventType === 'issuance' || (eventType === null && amountMicroGft > 0)) add(sum, 'earnedMicroGft', size);
    else if (eventType === 'redemption' || eventType === null) add(sum, 'spentMicroGft', size);
    else if (eventType === 'penalty' || eventType === 'expiry') add(sum, 'lostMicroGft', size);
  }

  onChallenge({ taskId, verdict }: ChallengeRecord): void {
    // The verdict may come twice, by two ways.
    if (verdict === 'waiting' || this.#lastVerdict === `${taskId} ${verdict}`) return;
    this.#lastVerdict = `${taskId} ${verdict}`;
    add(this.#sum(), verdict === 'passed' ? 'challengesPassed' : 'challengesFailed', 1);
  }

  /** Writes what is known so far. What cannot be written waits for the next time. */
  async flush(): Promise<void> {
    this.#take(this.#options.node());
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end();
    await this.flush();
  }

  async #write(): Promise<void> {
    const sums = [...this.#sums.values()];
    if (sums.length === 0) return;
    this.#sums = new Map();
    try {
      await this.#options.write(
        sums.map(({ states, ...sum }) => ({
          ...sum,
          states: [...states].map(([state, seconds]): StateTime => ({ state, seconds })),
        })),
      );
    } catch {
      // Whoever writes has told the person; here nothing may be lost for it.
      for (const sum of sums.slice(-MAX_WAITING)) this.#join(sum);
    }
  }

  #join(sum: Sum): void {
    const target = this.#sumFor(sum.atMs, sum.model, sum.device);
    for (const [counter, value] of Object.entries(sum.work)) add(target, counter as WorkCounter, value);
    for (const [state, seconds] of sum.states) target.states.set(state, (target.states.get(state) ?? 0) + seconds);
  }

  #look(node: NodeSnapshot): Seen {
    return {
      state: stateName(node.state),
      model: node.shard?.modelId ?? '',
      device: node.shard === null ? '' : node.shard.provider === 'cpu' ? 'cpu' : 'gpu0',
      working: node.requestsActive > 0,
      node,
      atMs: this.#options.monotonicMs(),
    };
  }

  /** Counts the time since the last look for the state that held then, and what the counters gained. */
  #take(node: NodeSnapshot): void {
    const before = this.#seen;
    const now = this.#look(node);
    this.#seen = now;
    // Work that ended as the layers went away was still theirs.
    const sum = this.#sum(before.model === '' ? now : before);
    for (const [counter, field] of NODE_COUNTERS) {
      add(sum, counter, Math.max(0, now.node[field] - before.node[field]));
    }
    const gapMs = now.atMs - before.atMs;
    if (gapMs <= 0 || gapMs > MAX_GAP_MS) return;
    const seconds = gapMs / 1_000;
    sum.states.set(before.state, (sum.states.get(before.state) ?? 0) + seconds);
    const { reliability } = before.node;
    if (reliability !== null) {
      add(sum, 'ratedSeconds', seconds);
      add(sum, 'reliabilitySeconds', reliability * seconds);
    }
    if (before.state !== 'serving') return;
    const workingSeconds = before.working ? seconds : 0;
    add(sum, 'servingSeconds', seconds);
    add(sum, 'workingSeconds', workingSeconds);
    const { joules, measuredJoules } = energyOf(this.#options.power(), before.device, seconds, workingSeconds);
    add(sum, 'energyJoules', joules);
    add(sum, 'measuredJoules', measuredJoules);
    const renewable = this.#options.renewableFraction();
    if (renewable === null) return;
    add(sum, 'gridJoules', joules);
    add(sum, 'renewableJoules', joules * renewable);
  }

  #sum({ model, device }: Pick<Seen, 'model' | 'device'> = this.#seen): Sum {
    return this.#sumFor(this.#options.timers.now(), model, device);
  }

  #sumFor(atMs: number, model: string, device: string): Sum {
    const key = JSON.stringify([Math.floor(atMs / QUARTER_MS), model, device]);
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const sum: Sum = { atMs, model, device, work: {}, states: new Map() };
    this.#sums.set(key, sum);
    return sum;
  }
}

function add(sum: Sum, counter: WorkCounter, value: number): void {
  if (value !== 0) sum.work[counter] = (sum.work[counter] ?? 0) + value;
}
