import type { AppEvent } from '../../contract/snapshot';
import type { CallRegistry } from '../ipc/call-registry';
import { registerOwnModelCalls } from '../ipc/calls/own-model-calls';
import { registerTrustCalls } from '../ipc/calls/trust-calls';
import { finish } from '../finish';
import type { SendEvent } from '../ipc/send-event';
import type { FileDialogs } from '../windows/file-dialogs';
import type { AccessTokens } from './access-tokens';
import type { CoordinatorSource } from './coordinator-reader';
import type { DataFolders } from './folders';
import type { Log } from './log';
import { nodeLogger } from './node-logger';
import type { ContributorPort, CoordinatorTarget } from './node-service';
import type { OwnModelsService } from './own-models/own-models-service';
import type { SecretVault } from './secret-vault';
import { startSessions } from './sessions/start-sessions';
import type { Timers } from './timers';
import { TrustFeature } from './trust/start-trust';

export interface ResearchOptions {
  readonly folders: DataFolders;
  readonly vault: SecretVault;
  readonly accessTokens: AccessTokens;
  readonly ownModels: OwnModelsService;
  readonly node: CoordinatorSource & { readonly node: Pick<ContributorPort, 'generate' | 'snapshot'> };
  readonly dialogs: FileDialogs;
  readonly send: SendEvent;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** What research groups do together: find each other, agree, and hold sessions. */
export interface Research {
  setTarget(target: CoordinatorTarget): void;
  registerCalls(calls: CallRegistry): void;
  close(): Promise<void>;
}

/** Starts discovery, handshakes and agreements (tore-0002) and group sessions (tore-0003). */
export async function startResearch(options: ResearchOptions): Promise<Research> {
  const { folders, vault, accessTokens, ownModels, node, dialogs, send, addEvent, timers, log } = options;
  const trust = await TrustFeature.start({
    folder: folders.trust,
    vault,
    node: node.node,
    nodeKey: () => node.node.snapshot().publicKey,
    dialogs,
    onChange: () => send('trust-changed', null),
    addEvent,
    timers,
    log: log.child({ part: 'trust' }),
    nodeLog: nodeLogger(log.child({ part: 'trust' })),
  });
  const sessions = await startSessions({
    folders,
    vault,
    accessTokens,
    models: ownModels,
    node: node.node,
    source: node,
    dialogs,
    send,
    addNotice: (text) => addEvent('notice', text),
    timers,
    logger: nodeLogger(log.child({ part: 'sessions' })),
  });
  return {
    setTarget: (target) => {
      trust.setTarget(target);
      sessions.setTarget(target);
    },
    registerCalls: (calls) => {
      registerTrustCalls(calls, trust);
      registerOwnModelCalls(calls, ownModels);
      sessions.registerCalls(calls);
    },
    close: async () => {
      await finish('trust', trust.close(), log);
      await finish('sessions', sessions.close(), log);
    },
  };
}
