import { mkdir } from 'node:fs/promises';
import { openIdentity, SessionClient, systemNodeClock, type NodeLogger } from '../../../node';
import { refuseSessionCalls, registerSessionCalls } from '../../ipc/calls/session-calls';
import type { CallRegistry } from '../../ipc/call-registry';
import type { SendEvent } from '../../ipc/send-event';
import type { Failure } from '../../../protocol/result';
import type { FileDialogs } from '../../windows/file-dialogs';
import type { AccessTokens } from '../access-tokens';
import type { CoordinatorSource } from '../coordinator-reader';
import type { DataFolders } from '../folders';
import { identityStore } from '../identity-store';
import type { ContributorPort, CoordinatorTarget } from '../node-service';
import type { OwnModelsService } from '../own-models/own-models-service';
import type { SecretVault } from '../secret-vault';
import type { Timers } from '../timers';
import { ModelAnswers } from './model-answers';
import { SessionPreferences } from './session-preferences';
import { SessionsService } from './sessions-service';

export interface StartSessionsOptions {
  readonly folders: Pick<DataFolders, 'sessions'>;
  readonly vault: SecretVault;
  readonly accessTokens: AccessTokens;
  readonly models: OwnModelsService;
  readonly node: Pick<ContributorPort, 'generate'>;
  readonly source: CoordinatorSource;
  readonly dialogs: FileDialogs;
  readonly send: SendEvent;
  readonly addNotice: (text: string) => void;
  readonly timers: Timers;
  readonly logger: NodeLogger;
}

export interface RunningSessions {
  setTarget(target: CoordinatorTarget): void;
  registerCalls(calls: CallRegistry): void;
  close(): Promise<void>;
}

/** Sessions without the key of this computer: every call says why, and everything else of the app goes on. */
function refusedSessions(error: Failure, addNotice: (text: string) => void): RunningSessions {
  addNotice(`Group sessions cannot be used: ${[error.message, error.suggestion].filter(Boolean).join(' ')}`);
  return {
    registerCalls: (calls) => refuseSessionCalls(calls, error),
    setTarget: () => undefined,
    close: async () => undefined,
  };
}

/** Starts group sessions: reads the copies on disk; a coordinator is joined when `setTarget` names it. */
export async function startSessions(options: StartSessionsOptions): Promise<RunningSessions> {
  const { folders, vault, accessTokens, models, logger, timers } = options;
  const folder = folders.sessions;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const identity = await openIdentity(identityStore(vault));
  if (!identity.ok) return refusedSessions(identity.error, options.addNotice);
  const client = new SessionClient({
    folder,
    identity: identity.value,
    accessTokenFor: (url) => accessTokens.boundTo(url),
    clock: systemNodeClock,
    logger,
    onListChanged: () => service.listMayHaveChanged(),
    onOffered: ({ opened_by: by, title }) =>
      options.addNotice(`${by} has opened the session “${title}” under your agreement. Join it under Sessions.`),
    onChange: (session, change) => service.sessionChanged(session, change),
  });
  const preferences = await SessionPreferences.open(folder);
  const answers = new ModelAnswers({
    client,
    models,
    node: options.node,
    timers,
    onChange: (session) => service.sessionChanged(session, null),
  });
  const service: SessionsService = new SessionsService({
    client,
    preferences,
    models,
    answers,
    source: options.source,
    keepAccessToken: (url, token) => accessTokens.set(url, token),
    send: options.send,
    timers,
  });
  const damaged = await client.open();
  for (const place of damaged) options.addNotice(`The copy of a session in ${place} is damaged; it was left as it is.`);
  return {
    registerCalls: (calls) => {
      registerSessionCalls(calls, {
        sessions: service,
        pickFile: (name, ending) => options.dialogs.saveFile('export', name, ending),
      });
    },
    // While the coordinator restarts its sessions stay; their connections come back by themselves.
    setTarget: (target) => {
      if (target.kind === 'known') {
        const { url, accessToken, invitation = null } = target;
        client.setHome({ url, accessToken, invitation });
      } else if (target.kind === 'unavailable') client.setHome(null);
    },
    close: async () => {
      answers.stopAll();
      await client.close();
      await preferences.settled();
    },
  };
}
