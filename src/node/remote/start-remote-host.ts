import { hostname } from 'node:os';
import { join } from 'node:path';
import { success, type Result } from '../../protocol/result';
import { systemClock } from '../clock';
import type { ContributorNode } from '../contributor';
import { describeState } from '../describe-state';
import type { NodeErrorCode } from '../errors';
import { openIdentity } from '../identity/node-identity';
import type { SecretStore } from '../identity/secret-store';
import type { LogFields, NodeLogger } from '../logger';
import { PairedFile } from './paired-file';
import { RemoteHost } from './remote-host';
import { REMOTE_LIMITS, type RemoteStatus } from './remote-protocol';

const MS_PER_MINUTE = 60_000;

/** Where remote control listens, and whether it shows a code although somebody is paired already. */
export interface RemotePreferences {
  readonly host: string;
  readonly port: number;
  readonly pair: boolean;
}

/** A logger that also keeps its newest lines, for who looks from afar. Debugging lines are not among them. */
export function keepLogTail(logger: NodeLogger): { readonly logger: NodeLogger; tail(lines: number): string[] } {
  const kept: string[] = [];
  const keep = (level: string, message: string, fields: LogFields = {}): void => {
    const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
    kept.push(`${new Date().toISOString()} ${level} ${message}${facts.join('')}`.slice(0, 500));
    if (kept.length > REMOTE_LIMITS.logLines) kept.shift();
  };
  const forward = (level: 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    keep(level, message, fields);
    logger[level](message, fields);
  };
  return {
    logger: {
      debug: (message, fields) => logger.debug(message, fields),
      info: forward('info'),
      warn: forward('warn'),
      error: forward('error'),
    },
    tail: (lines) => kept.slice(-lines),
  };
}

function statusOf(node: ContributorNode, appVersion: string): RemoteStatus {
  const { state, shard, coordinator, tokensPerSecond, requestsActive, requestsServed, reliability, balanceMicroGft } =
    node.snapshot();
  return {
    appVersion,
    state,
    sentence: describeState(state),
    coordinator: coordinator.name,
    shard:
      shard === null
        ? null
        : {
            modelId: shard.modelId,
            friendlyName: shard.friendlyName,
            range: shard.range,
            totalLayers: shard.totalLayers,
            provider: shard.provider,
          },
    tokensPerSecond,
    requestsActive,
    requestsServed,
    reliability,
    balanceMicroGft,
  };
}

/**
 * Lets paired apps see and steer a node. Called before the node starts, so that its key exists once.
 *
 * @param onText - lines for the terminal: where it listens, and the code
 */
export async function startRemoteHost(
  { host, port, pair }: RemotePreferences,
  options: {
    readonly node: ContributorNode;
    readonly appVersion: string;
    readonly dataFolder: string;
    readonly secretStore: SecretStore;
    readonly tail: (lines: number) => readonly string[];
    readonly onText: (text: string) => void;
    readonly logger: NodeLogger;
  },
): Promise<Result<RemoteHost, NodeErrorCode>> {
  const { node, appVersion, onText } = options;
  const identity = await openIdentity(options.secretStore);
  if (!identity.ok) return identity;
  const paired = await PairedFile.open(join(options.dataFolder, 'remote-control.json'));
  if (!paired.ok) return paired;
  const remote = new RemoteHost({
    identity: identity.value,
    name: hostname().slice(0, 80) || 'tore-node',
    paired: paired.value,
    actions: {
      status: () => statusOf(node, appVersion),
      pause: (minutes) =>
        node.pause(
          minutes === null
            ? { kind: 'user' }
            : { kind: 'snoozed', until: new Date(Date.now() + minutes * MS_PER_MINUTE).toISOString() },
        ),
      resume: () => node.resume(),
      logTail: options.tail,
    },
    onCode: (code) => onText(`Pairing code: ${code} (good for ten minutes and for one app)`),
    clock: systemClock,
    logger: options.logger,
  });
  const listening = await remote.listen(host, port);
  if (!listening.ok) return listening;
  onText(`Remote control listens on ${host}:${listening.value.port}.`);
  if (pair && paired.value.all.length > 0) remote.offerPairing();
  return success(remote);
}
