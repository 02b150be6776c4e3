import type { TrustConnection } from '../../../contract/trust';
import { CoordinatorHttp, type NodeLogger } from '../../../node';
import { InboxWatch, PartyClient, requestSigner, systemClock } from '../../../node/party';
import { failure, success, type Result } from '../../../protocol/result';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import type { CoordinatorTarget } from '../node-service';
import type { Timers } from '../timers';

/** Between attempts to reach a coordinator that does not answer. */
const RETRY_MS = 15_000;

/** A coordinator that answered, with the party signed in. */
export interface ConnectedParty {
  readonly client: PartyClient;
  readonly coordinatorId: string;
  /** Tells it from coordinators elsewhere, which may go by the same id. */
  readonly place: string;
}

export interface TrustConnectionOptions {
  readonly writer: () => MessageWriter | null;
  /** Something may wait for the party. */
  readonly onInbox: () => void;
  readonly onState: (state: TrustConnection) => void;
  readonly timers: Timers;
  readonly log: NodeLogger;
}

/** The party's own way to the coordinator: apart from the node's, since whoever serves nothing meets others as well. */
export class PartyConnection {
  readonly #options: TrustConnectionOptions;
  #target: CoordinatorTarget = { kind: 'starting' };
  #connected: ConnectedParty | null = null;
  #watch: InboxWatch | null = null;
  #cancelRetry: () => void = () => undefined;
  /** Counts changes of target and key, so that an answer to an earlier question changes nothing. */
  #round = 0;
  #isClosed = false;

  constructor(options: TrustConnectionOptions) {
    this.#options = options;
  }

  setTarget(target: CoordinatorTarget): void {
    this.#target = target;
    this.restart();
  }

  /** Begins anew: another coordinator, another key. */
  restart(): void {
    this.#end();
    if (!this.#isClosed) void this.#connect();
  }

  /** The coordinator, or why there is none now. */
  current(): Result<ConnectedParty> {
    return this.#connected === null
      ? failure('not-connected', 'The coordinator cannot be reached now.', {
          retryable: true,
          suggestion: 'What you wrote is kept and sent once it can.',
        })
      : success(this.#connected);
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    this.#round += 1;
    this.#cancelRetry();
    this.#watch?.close();
    this.#watch = null;
    this.#connected = null;
  }

  async #connect(): Promise<void> {
    const round = this.#round;
    const target = this.#target;
    const { writer: writerOf, onState, onInbox, timers, log } = this.#options;
    if (target.kind === 'unavailable') return onState({ kind: 'unreachable', message: target.error.message });
    onState({ kind: 'connecting' });
    if (target.kind === 'starting') return undefined;
    const http = new CoordinatorHttp(target.url, target.accessToken);
    const access = await new PartyClient(http).access();
    if (round !== this.#round) return undefined;
    if (!access.ok) {
      onState({ kind: 'unreachable', message: access.error.message });
      this.#cancelRetry = timers.after(RETRY_MS, () => void this.#connect());
      return undefined;
    }
    const { coordinatorId, policy } = access.value;
    const writer = writerOf();
    // Where anybody may come in, records and messages carry the only signatures that count.
    const isSigned = writer !== null && policy !== 'open';
    const client = new PartyClient(isSigned ? http.signedBy(requestSigner(writer.signer, coordinatorId)) : http);
    const place = target.isOwn === true ? coordinatorId : `${target.url} ${coordinatorId}`;
    this.#connected = { client, coordinatorId, place };
    onState({ kind: 'connected', coordinatorId, policy });
    if (writer === null) return undefined;
    this.#watch = new InboxWatch({
      url: target.url,
      accessToken: target.accessToken,
      identity: writer.signer,
      clock: systemClock,
      logger: log,
      onChange: onInbox,
    });
    return undefined;
  }
}
