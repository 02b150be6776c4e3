import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { CALL_SCHEMAS, type CallInput, type CallOutput, type Channel } from '../../contract/calls';
import { mainFailure, reasonOf } from '../errors';
import type { Log } from '../services/log';

/** What is known of the frame that makes a call; Electron's `IpcMainInvokeEvent` fits. */
export interface CallSender {
  readonly sender: { readonly id: number };
  /** Null once the frame is gone. */
  readonly senderFrame: { readonly url: string; readonly parent: unknown } | null;
}

/** The part of Electron's `ipcMain` that calls need. */
export interface CallPort {
  handle(channel: string, listener: (event: CallSender, payload: unknown) => Promise<unknown>): void;
}

/** The window that may make calls. */
export interface TrustedWindow {
  /** Id of its web contents, null while there is no window. */
  webContentsId(): number | null;
  /** Scheme and host of its pages, as `app://tore`. */
  readonly origin: string;
}

export type CallHandler<Name extends Channel> = (
  input: CallInput<Name>,
) => CallOutput<Name> | Promise<CallOutput<Name>>;

/** Scheme and host of an address, also for schemes whose `URL.origin` is opaque; null for what is no address. */
export function originOf(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { protocol, host } = new URL(address);
  return `${protocol}//${host}`;
}

/** Whether a call comes from the page of our own window: not from a frame inside it, another window or another origin. */
export function isTrustedSender(event: CallSender, window: TrustedWindow): boolean {
  const frame = event.senderFrame;
  return (
    frame !== null &&
    frame.parent === null &&
    event.sender.id === window.webContentsId() &&
    originOf(frame.url) === window.origin
  );
}

/**
 * The only place that answers calls of a window. Each is checked for its sender and against its schema; what a handler
 * throws is a bug, is logged here and reaches the window without its text.
 */
export class CallRegistry {
  readonly #port: CallPort;
  readonly #window: TrustedWindow;
  readonly #log: Log;

  constructor(port: CallPort, window: TrustedWindow, log: Log) {
    this.#port = port;
    this.#window = window;
    this.#log = log;
  }

  registerCall<Name extends Channel>(channel: Name, handler: CallHandler<Name>): void {
    const schema: TSchema = CALL_SCHEMAS[channel];
    const validator = Compile(schema);
    this.#port.handle(channel, async (event, payload) => {
      if (!isTrustedSender(event, this.#window)) {
        this.#log.warn({ channel }, 'refused a call of an unknown sender');
        return mainFailure('sender-refused', 'This page may not use the app.');
      }
      if (!validator.Check(payload)) {
        const place = validator.Errors(payload)[0]?.instancePath ?? '';
        this.#log.warn({ channel, place }, 'refused a call whose payload does not match its schema');
        return mainFailure('payload-invalid', `The value sent to ${channel} is not valid${place && ` (${place})`}.`);
      }
      try {
        return await handler(payload as CallInput<Name>);
      } catch (thrown) {
        this.#log.error({ channel, error: reasonOf(thrown), stack: stackOf(thrown) }, 'a call failed unexpectedly');
        return mainFailure('internal', 'Something went wrong inside the app. Nothing that was saved is lost.', {
          retryable: true,
          suggestion: 'Try again; if it happens again, restart the app. The log file says more.',
        });
      }
    });
  }
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack : undefined;
}
