import { connect, type NatsConnection } from '@nats-io/transport-node';
import { success } from '../../protocol/result';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import type { ReplicaBus } from './replica-bus';

const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_WAIT_MS = 500;

/** The bus over NATS. It reconnects for as long as it is open. */
class NatsBus implements ReplicaBus {
  private returned: () => void = () => undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly logger: Logger,
  ) {
    void this.watch();
  }

  publish(subject: string, bytes: Uint8Array): void {
    // While the server is away the client keeps what is published; once closed there is nobody left to tell.
    if (!this.connection.isClosed() && !this.connection.isDraining()) this.connection.publish(subject, bytes);
  }

  subscribe(subject: string, take: (bytes: Uint8Array) => void): void {
    this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message.data);
        else this.logger.warn({ err: error }, 'a message of another replica could not be received');
      },
    });
  }

  onReturn(returned: () => void): void {
    this.returned = returned;
  }

  async close(): Promise<void> {
    await this.connection.drain();
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') this.logger.warn({}, 'the connection to NATS was lost; it is tried again');
      if (status.type !== 'reconnect') continue;
      this.logger.info({}, 'the connection to NATS is back');
      this.returned();
    }
  }
}

/** Connects to `nats://[user:password@]host:port`. Fails with `bus-unreachable`. */
export async function connectNats(url: string, logger: Logger): Promise<CoordinatorResult<ReplicaBus>> {
  const { host, username, password, protocol } = new URL(url);
  try {
    const connection = await connect({
      servers: host,
      name: 'tore-coordinator',
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      noEcho: true,
      ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
      ...(protocol === 'tls:' ? { tls: {} } : {}),
    });
    return success(new NatsBus(connection, logger));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return refuse('bus-unreachable', `The NATS server ${host} cannot be reached: ${reason}`, {
      suggestion: 'Check natsUrl and that the server runs; without natsUrl the coordinator runs alone.',
    });
  }
}
