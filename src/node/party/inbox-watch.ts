import { WebSocket, type RawData } from 'ws';
import { WEBSOCKET_SUBPROTOCOL, WIRE_LIMITS } from '../../protocol/wire/limits';
import { connectionProofText } from '../../protocol/wire/messages';
import { BackOff } from '../coordinator-client/back-off';
import { parseCoordinatorUrl } from '../coordinator-client/coordinator-url';
import { parseCoordinatorMessage } from '../coordinator-client/websocket-connection';
import type { Clock } from '../clock';
import type { NodeIdentity } from '../identity/node-identity';
import type { NodeLogger } from '../logger';

/** A coordinator that never says "something waits" is asked this often all the same. */
const POLL_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Another program holds the connection of this key: coming back would push it out. Asking goes on. */
const REPLACED_CLOSE_CODE = 4_409;

export interface InboxWatchOptions {
  readonly url: string;
  readonly accessToken: string | null;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  /** Something may wait: ask for it. Also called after every connection, since notices are not kept. */
  readonly onChange: () => void;
}

/** Waits for word that handshake messages wait for a key, over a connection of that key which serves nothing. */
export class InboxWatch {
  private readonly backOff: BackOff;
  private socket: WebSocket | null = null;
  private cancel: () => void = () => undefined;
  private cancelPoll: () => void = () => undefined;
  private isClosed = false;

  constructor(private readonly options: InboxWatchOptions) {
    this.backOff = new BackOff(options.clock);
    this.poll();
    this.connect();
  }

  close(): void {
    this.isClosed = true;
    this.cancel();
    this.cancelPoll();
    this.socket?.terminate();
  }

  private poll(): void {
    this.options.onChange();
    this.cancelPoll = this.options.clock.schedule(POLL_MS, () => this.poll());
  }

  private connect(): void {
    const { accessToken, url, logger } = this.options;
    const parsed = parseCoordinatorUrl(url);
    if (!parsed.ok || this.isClosed) return;
    const socket = new WebSocket(parsed.value.webSocket, [WEBSOCKET_SUBPROTOCOL], {
      headers: accessToken === null ? {} : { authorization: `Bearer ${accessToken}` },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: WIRE_LIMITS.maxTextBytes,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.receive(socket, data);
    });
    socket.on('error', (error) => logger.debug('The inbox connection failed', { reason: error.message }));
    socket.on('close', (code) => {
      if (this.isClosed || code === REPLACED_CLOSE_CODE) return;
      this.cancel = this.options.clock.schedule(this.backOff.nextDelayMs(), () => this.connect());
    });
  }

  private receive(socket: WebSocket, data: RawData): void {
    const { identity, logger, onChange } = this.options;
    const message = parseCoordinatorMessage(data, logger);
    switch (message?.type) {
      case 'hello':
        socket.send(
          JSON.stringify({
            type: 'authenticate',
            public_key: identity.publicKey,
            signature: identity.sign(connectionProofText(message.nonce, message.coordinator_id)),
          }),
        );
        return;
      case 'authenticated':
        this.backOff.reset();
        onChange();
        return;
      case 'inbox-changed':
        onChange();
        return;
      default:
        // Coverage and other news are for nodes.
        return;
    }
  }
}
