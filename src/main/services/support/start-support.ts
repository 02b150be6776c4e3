import { homedir, hostname, release, userInfo } from 'node:os';
import { join } from 'node:path';
import { app } from 'electron';
import type { LogPage } from '../../../contract/records';
import type { StartEngine } from '../../../node';
import { success, type Result } from '../../../protocol/result';
import type { CallRegistry } from '../../ipc/call-registry';
import type { FileDialogs } from '../../windows/file-dialogs';
import type { DataFolders } from '../folders';
import type { Log } from '../log';
import type { NodeService } from '../node-service';
import type { PolicyService } from '../policy-service';
import type { SettingsService } from '../settings-service';
import type { Surroundings } from '../surroundings/surroundings';
import type { Timers } from '../timers';
import { ProblemReports } from './problem-report';
import type { PrivateWords } from './redact';
import { runInBackground, SelfTest } from './self-test';

export interface SupportParts {
  readonly startEngine: StartEngine;
  readonly shippedModel: string;
  readonly folders: Pick<DataFolders, 'node' | 'log'>;
  readonly node: NodeService;
  readonly policy: PolicyService;
  readonly surroundings: Surroundings;
  /** The newest lines of the event log. */
  readonly newestLogEntries: () => Promise<Result<LogPage>>;
  readonly settings: SettingsService;
  readonly dialogs: FileDialogs;
  readonly timers: Timers;
  readonly log: Log;
}

/** The name a person is known by to this computer; a system without users has none. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function privateWords(node: NodeService, settings: SettingsService): PrivateWords {
  const { nodeId, publicKey, coordinator } = node.snapshot();
  const { coordinator: chosen, contribution, policy, region } = settings.current;
  const address = chosen.kind === 'remote' ? chosen.url : '';
  const host = URL.canParse(address) ? new URL(address).hostname : '';
  const named = chosen.kind === 'remote' ? (coordinator.name ?? '') : '';
  const others = [
    nodeId,
    publicKey,
    address,
    host,
    named,
    contribution.modelFolder,
    region,
    ...policy.exclusivePrograms,
  ];
  return {
    homeFolder: homedir(),
    userName: userName(),
    hostName: hostname(),
    others: others.filter((text): text is string => text !== null && text.length > 2),
  };
}

/** What a report says of this program and the system it runs on. */
function appVersions(): Readonly<Record<string, string>> {
  const { electron = '', chrome = '', node } = process.versions;
  return {
    app: app.getVersion(),
    packaged: String(app.isPackaged),
    electron,
    chrome,
    node,
    system: `${process.platform} ${process.arch} ${release()}`,
  };
}

/** The self-test and reports of a problem, and the calls that ask for them. */
export function startSupport(calls: CallRegistry, parts: SupportParts): void {
  const { node, policy, surroundings, settings, dialogs, timers, log } = parts;
  const test = new SelfTest({
    startEngine: parts.startEngine,
    modelFolder: parts.shippedModel,
    cacheFolder: join(parts.folders.node, 'shards'),
    dataFolder: parts.folders.node,
    node: () => node.snapshot(),
    fetchJson: (path) => node.fetchJson(path),
    policy: () => policy.view(),
    graphicsWatts: () => surroundings.graphicsWatts,
    timers,
  });
  const reports = new ProblemReports({
    versions: appVersions(),
    settings: () => settings.current,
    node: () => node.snapshot(),
    selfTest: () => test.view,
    events: parts.newestLogEntries,
    logFile: parts.folders.log,
    privateWords: () => privateWords(node, settings),
    saveFile: (name, ending) => dialogs.saveFile('report', name, ending),
    timers,
  });
  calls.registerCall('self-test:get', () => success(test.view));
  calls.registerCall('self-test:start', () => {
    runInBackground(test, (reason) => log.error({ error: reason }, 'the self-test failed unexpectedly'));
    return success(null);
  });
  calls.registerCall('self-test:cancel', () => {
    test.cancel();
    return success(null);
  });
  calls.registerCall('report:prepare', async ({ description }) => success(await reports.prepare(description)));
  calls.registerCall('report:save', ({ id }) => reports.save(id));
}
