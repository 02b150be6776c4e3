import type { LogKind } from '../../../contract/records';
import type { AppEvent } from '../../../contract/snapshot';
import type { NodeSnapshot, NodeState } from '../../../protocol/compute/node-snapshot';
import type { Texts } from '../../texts/texts';
import type { Timers } from '../timers';

/** Requests served within this time are one line. */
const REQUESTS_INTERVAL_MS = 60_000;

export interface EventRecorderOptions {
  readonly node: () => NodeSnapshot;
  readonly write: (atMs: number, kind: LogKind, text: string) => void;
  readonly texts: () => Texts;
  readonly timers: Timers;
}

/** Under which heading of the log a state of the node belongs. */
function kindOfState(state: NodeState): LogKind {
  switch (state.kind) {
    case 'paused':
      return state.reason.kind === 'user' || state.reason.kind === 'snoozed' ? 'snooze' : 'policy';
    case 'failed':
      return 'error';
    case 'waiting':
      return 'connection';
    default:
      return 'policy';
  }
}

/** Writes into the log what happens: the app's own events, connections, and the requests served. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  #seen: NodeSnapshot;
  #told: Pick<NodeSnapshot, 'requestsServed' | 'requestsFailed' | 'tokensServed'>;
  #connected = false;
  #cancel: (() => void) | null = null;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#seen = options.node();
    this.#told = this.#seen;
  }

  add(kind: LogKind, text: string): void {
    this.#options.write(this.#options.timers.now(), kind, text);
  }

  /** An event of the dashboard's list. */
  onEvent(kind: AppEvent['kind'], text: string): void {
    this.add(kind === 'state' ? kindOfState(this.#options.node().state) : kind, text);
  }

  onSnapshot(node: NodeSnapshot): void {
    const before = this.#seen;
    this.#seen = node;
    this.#noteConnection(node);
    const served = node.requestsServed !== before.requestsServed || node.requestsFailed !== before.requestsFailed;
    if (served) this.#cancel ??= this.#options.timers.after(REQUESTS_INTERVAL_MS, () => this.#tellRequests());
  }

  /** Short states may fall between two snapshots, so that being connected is told from what follows. */
  #noteConnection({ state, coordinator: { name, url, transport } }: NodeSnapshot): void {
    if (transport === null || ['off', 'connecting', 'waiting', 'failed'].includes(state.kind)) {
      this.#connected = false;
      return;
    }
    if (this.#connected || !['registering', 'loading', 'serving'].includes(state.kind)) return;
    this.#connected = true;
    this.add('connection', this.#options.texts().records.connected(name ?? url, transport));
  }

  close(): void {
    this.#tellRequests();
  }

  #tellRequests(): void {
    this.#cancel?.();
    this.#cancel = null;
    const { requestsServed, requestsFailed, tokensServed } = this.#seen;
    const served = requestsServed - this.#told.requestsServed;
    const failed = requestsFailed - this.#told.requestsFailed;
    const tokens = tokensServed - this.#told.tokensServed;
    this.#told = this.#seen;
    const { records } = this.#options.texts();
    const parts = [
      served > 0 ? records.served(served, Math.max(0, tokens)) : null,
      failed > 0 ? records.failed(failed) : null,
    ].filter((part) => part !== null);
    if (parts.length > 0) this.add('request', parts.join(' '));
  }
}
