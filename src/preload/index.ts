import { contextBridge, ipcRenderer, type IpcRendererEvent } from 'electron';
import type { AppEvents, Channel, EventName, ToreApi } from '../contract';

// The window sees these channels and nothing else of Electron. The lists are values of their own, so that this script
// stays a few lines; their types make a forgotten or unknown name an error.
const CHANNELS: Readonly<Record<Channel, true>> = {
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
  'models:choose-folder': true,
  'chat:get': true,
  'chat:estimate': true,
  'chat:send': true,
  'chat:stop': true,
  'chat:retry': true,
  'chat:delete': true,
  'ledger:get-page': true,
  'ledger:verify': true,
  'local-api:get': true,
  'local-api:configure': true,
  'local-api:create-key': true,
  'local-api:remove-key': true,
};
const EVENTS: Readonly<Record<EventName, true>> = {
  'snapshot-updated': true,
  'chat-delta-arrived': true,
  'conversation-changed': true,
  'screen-requested': true,
};
/** As in main's send-event. */
const EVENT_CHANNEL_PREFIX = 'tore-event:';

function platformOf(name: string): ToreApi['platform'] {
  return name === 'darwin' || name === 'win32' ? name : 'linux';
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
  platform: platformOf(process.platform),
});

contextBridge.exposeInMainWorld('tore', api);
