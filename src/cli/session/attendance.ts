import { join } from 'node:path';
import {
  fileSecretStore,
  openIdentity,
  SessionClient,
  systemNodeClock,
  type FollowedSession,
  type NodeIdentity,
  type NodeLogger,
} from '../../node';
import type { Failure, Result } from '../../protocol/result';
import { Stop } from '../tore/command';
import { EXIT } from '../tore/terminal';
import type { SessionOptions } from './options';

/** Time a command gives a coordinator. */
const PATIENCE_MS = 30_000;

/** Stops the command with what went wrong and what to do about it. */
export function stopWith({ message, suggestion }: Failure): never {
  throw new Stop(EXIT.invalid, [message, suggestion].filter((part) => part !== undefined).join(' '));
}

/** The value of a call, or the end of the command. */
export function must<Value>(result: Result<Value>): Value {
  return result.ok ? result.value : stopWith(result.error);
}

/** One command's visit at the coordinator: the sessions of a key, as long as the command runs. */
export class Attendance {
  private readonly watchers = new Set<() => void>();

  private constructor(
    readonly client: SessionClient,
    readonly identity: NodeIdentity,
  ) {}

  /** Reads the copies on disk and begins to connect. */
  static async begin(options: SessionOptions, logger: NodeLogger): Promise<Attendance> {
    const { dataFolder, coordinatorUrl: url, accessToken, invitation } = options;
    const identity = must(await openIdentity(fileSecretStore(join(dataFolder, 'node.key'))));
    const wake = (): void => {
      for (const watcher of attendance.watchers) watcher();
    };
    const client = new SessionClient({
      folder: join(dataFolder, 'sessions'),
      identity,
      // The token is for the coordinator it was given with, and for nobody else.
      accessTokenFor: (host) => (host === url ? accessToken : null),
      clock: systemNodeClock,
      logger,
      onListChanged: wake,
      onOffered: wake,
      onChange: wake,
    });
    const attendance = new Attendance(client, identity);
    for (const place of await client.open()) {
      logger.warn('The copy of a session is damaged; it was left as it is', { place });
    }
    client.setHome({ url, accessToken, invitation });
    return attendance;
  }

  /** Waits until something holds, woken by every change; stops the command with `late` when it takes too long. */
  async until<Value>(look: () => Value | null, late: () => string): Promise<Value> {
    const first = look();
    if (first !== null) return first;
    let end: () => void = () => undefined;
    const found = new Promise<Value | null>((resolve, reject) => {
      const timer = setTimeout(() => resolve(null), PATIENCE_MS);
      const watcher = (): void => {
        try {
          const value = look();
          if (value !== null) resolve(value);
        } catch (thrown) {
          // The client that wakes the watchers has nothing to do with why a command stops.
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      };
      this.watchers.add(watcher);
      end = () => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
      };
    });
    const value = await found.finally(() => end());
    if (value === null) throw new Stop(EXIT.invalid, late());
    return value;
  }

  /** A session of this key in its newest state. */
  async session(sessionId: string): Promise<FollowedSession> {
    const { client } = this;
    const found = await this.until(
      () => {
        const session = client.session(sessionId);
        if (session === null && client.isHomeListed) {
          throw new Stop(EXIT.invalid, `This key is in no session ${sessionId} here; join it first.`);
        }
        return session !== null && (session.ended !== null || session.link === 'current') ? session : null;
      },
      () => client.homeError?.message ?? 'The host of the session cannot be reached.',
    );
    if (found.ended !== null) throw new Stop(EXIT.invalid, found.ended);
    return found;
  }

  /** Waits until the host has numbered a turn; stops when it refused it. */
  async numbered(session: FollowedSession, turnId: string): Promise<number> {
    return this.until(
      () => {
        const refused = session.refused.find(({ turn }) => turn.id === turnId);
        if (refused !== undefined) {
          session.forgetRefused(turnId);
          throw new Stop(EXIT.invalid, refused.message);
        }
        return session.turns.find(({ id }) => id === turnId)?.seq ?? null;
      },
      () => 'The host cannot be reached. The turn is kept here and goes out with the next command.',
    );
  }

  close(): Promise<void> {
    return this.client.close();
  }
}
