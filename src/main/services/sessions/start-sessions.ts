import { mkdir } from 'node:fs/promises';
import { SessionClient, systemNodeClock, type NodeIdentity, type NodeLogger } from '../../../node';
import type { Result } from '../../../protocol/result';
import type { SendEvent } from '../../ipc/send-event';
import type { CoordinatorSource } from '../coordinator-reader';
import type { ContributorPort, CoordinatorTarget } from '../node-service';
import type { OwnModelsService } from '../own-models/own-models-service';
import type { Timers } from '../timers';
import { ModelAnswers } from './model-answers';
import { SessionPreferences } from './session-preferences';
import { SessionsService } from './sessions-service';

export interface StartSessionsOptions {
  readonly folder: string;
  readonly identity: NodeIdentity;
  readonly accessTokenFor: (url: string) => string | null;
  readonly keepAccessToken: (url: string, token: string) => Promise<Result<void>>;
  readonly models: OwnModelsService;
  readonly node: Pick<ContributorPort, 'generate'>;
  readonly source: CoordinatorSource;
  readonly send: SendEvent;
  readonly addNotice: (text: string) => void;
  readonly timers: Timers;
  readonly logger: NodeLogger;
}

export interface RunningSessions {
  readonly service: SessionsService;
  setTarget(target: CoordinatorTarget): void;
  close(): Promise<void>;
}

/** Starts group sessions: reads the copies on disk; a coordinator is joined when `setTarget` names it. */
export async function startSessions(options: StartSessionsOptions): Promise<RunningSessions> {
  const { folder, identity, accessTokenFor, logger, timers } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const client = new SessionClient({
    folder,
    identity,
    accessTokenFor,
    clock: systemNodeClock,
    logger,
    onListChanged: () => service.listMayHaveChanged(),
    onChange: (session, change) => service.sessionChanged(session, change),
  });
  const preferences = await SessionPreferences.open(folder);
  const answers = new ModelAnswers({
    client,
    models: options.models,
    node: options.node,
    timers,
    onChange: (session) => service.sessionChanged(session, null),
  });
  const service: SessionsService = new SessionsService({
    client,
    preferences,
    models: options.models,
    answers,
    source: options.source,
    keepAccessToken: options.keepAccessToken,
    send: options.send,
    timers,
  });
  const damaged = await client.open();
  for (const place of damaged) options.addNotice(`The copy of a session in ${place} is damaged; it was left as it is.`);
  return {
    service,
    // While the coordinator restarts its sessions stay; their connections come back by themselves.
    setTarget: (target) => {
      if (target.kind === 'known') client.setHome({ url: target.url, accessToken: target.accessToken });
      else if (target.kind === 'unavailable') client.setHome(null);
    },
    close: async () => {
      answers.stopAll();
      await client.close();
      await preferences.settled();
    },
  };
}
