import { contextBridge, ipcRenderer, webUtils, type IpcRendererEvent } from 'electron';
import type { AppEvents, DroppedFile, EventName, ToreApi, WindowChannel } from '../contract';

// The window sees these channels and nothing else of Electron. The lists are values of their own, so that this script
// stays a few lines; their types make a forgotten or unknown name an error.
const CHANNELS: Readonly<Record<WindowChannel, true>> = {
  'app:get-snapshot': true,
  'app:copy-text': true,
  'app:quit': true,
  'welcome:accept': true,
  'settings:update': true,
  'settings:set-access-token': true,
  'coordinator:check': true,
  'coordinator:get-join-details': true,
  'node:pause': true,
  'node:resume': true,
  'node:retry': true,
  'node:measure-hardware': true,
  'models:get': true,
  'models:refresh': true,
  'models:choose-import': true,
  'models:cancel-import': true,
  'models:fit': true,
  'models:serve': true,
  'models:download': true,
  'models:pause-download': true,
  'models:resume-download': true,
  'models:remove': true,
  'models:remove-shards': true,
  'chat:get': true,
  'chat:estimate': true,
  'chat:send': true,
  'chat:stop': true,
  'chat:retry': true,
  'chat:edit': true,
  'chat:show-branch': true,
  'chat:delete': true,
  'ledger:get-page': true,
  'ledger:verify': true,
  'trust:get': true,
  'keys:create': true,
  'keys:rename': true,
  'keys:show-words': true,
  'keys:back-up': true,
  'keys:restore-file': true,
  'keys:restore-words': true,
  'keys:replace': true,
  'keys:export-links': true,
  'discovery:search': true,
  'discovery:terms': true,
  'discovery:publish': true,
  'discovery:withdraw': true,
  'discovery:export': true,
  'discovery:import': true,
  'handshake:propose': true,
  'handshake:get': true,
  'handshake:join': true,
  'handshake:challenge': true,
  'handshake:draft-answer': true,
  'handshake:respond': true,
  'handshake:note': true,
  'handshake:mark': true,
  'handshake:decide': true,
  'handshake:withdraw': true,
  'agreement:offer': true,
  'agreement:sign': true,
  'agreement:terminate': true,
  'agreement:export': true,
  'agreement:export-end': true,
  'agreement:import': true,
  'agreement:show': true,
  'policy:get': true,
  'policy:preview': true,
  'policy:snooze': true,
  'policy:resume': true,
  'administration:get': true,
  'administration:set-token': true,
  'administration:get-nodes': true,
  'administration:get-coverage': true,
  'administration:suspend-node': true,
  'administration:release-node': true,
  'administration:get-requests': true,
  'administration:get-challenges': true,
  'administration:get-members': true,
  'administration:remove-member': true,
  'administration:get-invitations': true,
  'administration:create-invitation': true,
  'administration:revoke-invitation': true,
  'administration:get-policy': true,
  'administration:check-policy': true,
  'administration:audit': true,
  'administration:verify': true,
  'local-api:get': true,
  'local-api:configure': true,
  'local-api:create-key': true,
  'local-api:remove-key': true,
  'library:list': true,
  'library:search': true,
  'library:overview': true,
  'library:read': true,
  'library:entry': true,
  'library:rename': true,
  'library:delete': true,
  'library:restore': true,
  'library:purge': true,
  'library:move': true,
  'library:set-tags': true,
  'library:create-folder': true,
  'library:rename-folder': true,
  'library:delete-folder': true,
  'library:split': true,
  'library:choose-import': true,
  'library:get-import': true,
  'library:take-opened': true,
  'library:cancel-import': true,
  'library:dismiss-import': true,
  'library:export': true,
  'library:start-drag': true,
  'library:fetch-attachment': true,
  'library:draft-handoff': true,
  'library:draft-with-model': true,
  'library:cancel-draft': true,
  'library:continue': true,
  'project:get': true,
  'project:create': true,
  'project:save': true,
  'project:add-files': true,
  'project:fetch-file': true,
  'project:remove-file': true,
  'project:merge': true,
  'project:export': true,
  'project:set-deleted': true,
  'app:open-link': true,
  'sessions:list': true,
  'sessions:get': true,
  'sessions:create': true,
  'sessions:join': true,
  'sessions:post': true,
  'sessions:typing': true,
  'sessions:mark-read': true,
  'sessions:forget-refused': true,
  'sessions:invite': true,
  'sessions:invitations': true,
  'sessions:withdraw': true,
  'sessions:set-role': true,
  'sessions:close': true,
  'sessions:leave': true,
  'sessions:forget': true,
  'sessions:set-model': true,
  'sessions:ask-model': true,
  'sessions:stop-model': true,
  'sessions:estimate': true,
  'sessions:statement': true,
  'sessions:export': true,
  'links:take': true,
  'own-models:list': true,
  'own-models:save': true,
  'own-models:remove': true,
};
const EVENTS: Readonly<Record<EventName, true>> = {
  'snapshot-updated': true,
  'chat-delta-arrived': true,
  'conversation-changed': true,
  'trust-changed': true,
  'sessions-changed': true,
  'session-updated': true,
  'screen-requested': true,
  'library-changed': true,
  'import-changed': true,
  'library-opened': true,
  'links-opened': true,
  'models-changed': true,
};
/** As in main's send-event. */
const EVENT_CHANNEL_PREFIX = 'tore-event:';

function platformOf(name: string): ToreApi['platform'] {
  return name === 'darwin' || name === 'win32' ? name : 'linux';
}

/** Hands what was dropped to main by its path, which the page never learns. */
function importDropped(
  channel: 'library:import-paths' | 'models:import-paths',
  files: readonly DroppedFile[],
): Promise<never> {
  // Only a file the person really dropped or chose has a path; one that a page made up has none.
  const paths = files.map((file) => webUtils.getPathForFile(file as never)).filter((path) => path !== '');
  if (paths.length > 0) return ipcRenderer.invoke(channel, { paths }) as Promise<never>;
  const error = { code: 'file-missing', message: 'What was dropped is not a file on this computer.', retryable: false };
  return Promise.resolve({ ok: false, error } as never);
}

const api: ToreApi = Object.freeze<ToreApi>({
  call(channel, input) {
    if (!Object.hasOwn(CHANNELS, channel)) return Promise.reject(new TypeError(`There is no call ${String(channel)}`));
    return ipcRenderer.invoke(channel, input);
  },
  on<Name extends EventName>(event: Name, listener: (payload: AppEvents[Name]) => void) {
    if (!Object.hasOwn(EVENTS, event)) throw new TypeError(`There is no event ${String(event)}`);
    const channel = `${EVENT_CHANNEL_PREFIX}${event}`;
    // The event object of Electron carries the sender and never leaves this script.
    const forward = (_event: IpcRendererEvent, payload: AppEvents[Name]): void => listener(payload);
    ipcRenderer.on(channel, forward);
    return () => {
      ipcRenderer.removeListener(channel, forward);
    };
  },
  importFiles: (files) => importDropped('library:import-paths', files),
  importModels: (files) => importDropped('models:import-paths', files),
  platform: platformOf(process.platform),
});

contextBridge.exposeInMainWorld('tore', api);
