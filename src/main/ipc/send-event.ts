import type { AppEvents, EventName } from '../../contract/api';

/** Prefix of the channels that carry events, so that an event can never be mistaken for a call. */
export const EVENT_CHANNEL_PREFIX = 'tore-event:';

/** Sends an event to the window; without one it is dropped, since a new window asks for everything. */
export type SendEvent = <Name extends EventName>(name: Name, payload: AppEvents[Name]) => void;

/** The part of Electron's `WebContents` that events need. */
export interface EventTarget {
  isDestroyed(): boolean;
  send(channel: string, payload: unknown): void;
}

/** @param target - the web contents of the window, null while there is none */
export function createSendEvent(target: () => EventTarget | null): SendEvent {
  return (name, payload) => {
    const contents = target();
    if (contents === null || contents.isDestroyed()) return;
    contents.send(`${EVENT_CHANNEL_PREFIX}${name}`, payload);
  };
}
