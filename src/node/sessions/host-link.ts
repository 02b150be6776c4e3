import { success, type Failure, type Result } from '../../protocol/result';
import type { SessionEvent } from '../../protocol/wire/messages';
import type { Clock } from '../clock';
import { BackOff } from '../coordinator-client/back-off';
import { connectAsParticipant } from '../coordinator-client/connect';
import { nodeFailure } from '../errors';
import type { NodeIdentity } from '../identity/node-identity';
import type { NodeLogger } from '../logger';
import { ParticipantConnection } from './participant-connection';

/** Where a coordinator is and how one gets in. */
export interface HostAddress {
  readonly url: string;
  readonly accessToken: string | null;
  /** Lets this key in where members alone may connect. */
  readonly invitation?: string | null;
}

export interface HostLinkOptions {
  readonly address: HostAddress;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  readonly onConnected: (connection: ParticipantConnection) => void;
  readonly onLost: (error: Failure) => void;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Keeps one connection to one coordinator, and makes it anew with growing pauses. */
export class HostLink {
  connection: ParticipantConnection | null = null;
  lastError: Failure | null = null;
  private readonly ended = new AbortController();
  private readonly backOff: BackOff;
  private cancelWait: (() => void) | null = null;
  private waiters: ((connection: ParticipantConnection | null) => void)[] = [];

  constructor(private readonly options: HostLinkOptions) {
    this.backOff = new BackOff(options.clock);
    void this.run();
  }

  get address(): HostAddress {
    return this.options.address;
  }

  /** The connection, after waiting for the attempt under way. Fails with `cancelled` once `signal` ends the waiting. */
  async ready(signal?: AbortSignal): Promise<Result<ParticipantConnection>> {
    const connection = this.connection ?? (await this.waitFor(signal));
    if (signal?.aborted === true) return nodeFailure('cancelled', 'Connecting was cancelled.');
    if (connection !== null) return success(connection);
    return {
      ok: false,
      error: this.lastError ?? nodeFailure('not-connected', 'The coordinator is not connected.').error,
    };
  }

  private waitFor(signal: AbortSignal | undefined): Promise<ParticipantConnection | null> {
    this.retry();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
      signal?.addEventListener('abort', () => resolve(null), { once: true });
    });
  }

  /** Tries again now. */
  retry(): void {
    this.cancelWait?.();
  }

  close(): void {
    this.ended.abort();
    this.connection?.close();
    this.cancelWait?.();
    this.wake(null);
  }

  private wake(connection: ParticipantConnection | null): void {
    for (const waiter of this.waiters.splice(0)) waiter(connection);
  }

  private async run(): Promise<void> {
    const { address, identity, clock, logger, onEvent } = this.options;
    while (!this.ended.signal.aborted) {
      const connected = await connectAsParticipant(
        { ...address, identity, clock, logger, signal: this.ended.signal },
        (socket, info, hello) => new ParticipantConnection(socket, info, hello, clock, logger, onEvent),
      );
      if (this.ended.signal.aborted) {
        if (connected.ok) connected.value.close();
        return;
      }
      let error: Failure;
      if (connected.ok) {
        this.connection = connected.value;
        this.lastError = null;
        this.wake(connected.value);
        this.options.onConnected(connected.value);
        error = await connected.value.closed;
        this.connection = null;
        this.backOff.reset();
      } else error = connected.error;
      this.lastError = error;
      this.wake(null);
      this.options.onLost(error);
      await this.pause();
    }
  }

  private pause(): Promise<void> {
    if (this.ended.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancelTimer = this.options.clock.schedule(this.backOff.nextDelayMs(), () => this.cancelWait?.());
      this.cancelWait = () => {
        cancelTimer();
        this.cancelWait = null;
        resolve();
      };
    });
  }
}
