import { NO_NODE_FACTS, type NodeFacts, type NodeSnapshot } from '../protocol/compute/node-snapshot';
import type { Clock } from './clock';
import { Listeners } from './listeners';
import type { NodeLogger } from './logger';
import { ThroughputMeter } from './jobs/throughput-meter';
import { transition, type NodeEvent } from './node-lifecycle';

/** Snapshots are sent at most this often: a window cannot show more, and a decode step must not wait for one. */
const SNAPSHOT_INTERVAL_MS = 100;

/** What the node shows of itself: its state and facts, and who wants to know when they change. */
export class NodeView {
  readonly changed = new Listeners<NodeSnapshot>();
  private state: NodeSnapshot['state'] = { kind: 'off' };
  private facts: NodeFacts = NO_NODE_FACTS;
  private readonly throughput = new ThroughputMeter();
  private announcing = false;

  constructor(
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
  ) {}

  get stateKind(): NodeSnapshot['state']['kind'] {
    return this.state.kind;
  }

  snapshot(): NodeSnapshot {
    return { ...this.facts, state: this.state, tokensPerSecond: this.throughput.perSecond(this.clock.monotonicMs()) };
  }

  /** Moves the lifecycle on; events that do not belong to the state are ignored. */
  apply(event: NodeEvent): void {
    const next = transition(this.state, event);
    if (next === this.state) return;
    if (next.kind !== this.state.kind)
      this.logger.info('The node changed its state', { from: this.state.kind, to: next.kind });
    this.state = next;
    this.announce();
  }

  set(changes: Partial<NodeFacts>): void {
    this.facts = { ...this.facts, ...changes };
    this.announce();
  }

  /** Counts one token this node helped to make, and the work it took. */
  countStep(flops: number): void {
    this.throughput.record(this.clock.monotonicMs());
    this.set({ tokensServed: this.facts.tokensServed + 1, flopsServed: this.facts.flopsServed + flops });
  }

  countServed(): void {
    this.set({ requestsServed: this.facts.requestsServed + 1 });
  }

  countFailed(): void {
    this.set({ requestsFailed: this.facts.requestsFailed + 1 });
  }

  private announce(): void {
    if (this.announcing) return;
    this.announcing = true;
    this.clock.schedule(SNAPSHOT_INTERVAL_MS, () => {
      this.announcing = false;
      this.changed.emit(this.snapshot());
    });
  }
}
