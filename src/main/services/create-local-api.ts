import { registerLocalApiCalls } from '../ipc/calls/local-api-calls';
import type { CallRegistry } from '../ipc/call-registry';
import { LocalApiService } from './local-api-service';
import type { Log } from './log';
import { nodeLogger } from './node-logger';
import type { NodeService } from './node-service';
import type { SettingsService } from './settings-service';
import type { Timers } from './timers';

/** The endpoint for other programs of this computer, and the calls that steer it; it opens with `start`. */
export function createLocalApi(
  calls: CallRegistry,
  parts: {
    readonly node: NodeService;
    readonly folder: string;
    readonly settings: SettingsService;
    readonly timers: Timers;
    readonly log: Log;
  },
): LocalApiService {
  const { node, folder, settings, timers, log } = parts;
  const localApi = new LocalApiService({
    node: node.node,
    folder,
    settings: () => settings.current.localApi,
    saveSettings: (chosen) => settings.update({ localApi: chosen }),
    now: () => timers.now(),
    logger: nodeLogger(log.child({ part: 'local endpoint' })),
  });
  registerLocalApiCalls(calls, localApi);
  return localApi;
}
