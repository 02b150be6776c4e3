import type { CallInput, CallOutput, Channel } from './calls';
import type { ChatDelta, ConversationView } from './chat';
import type { SnapshotUpdate } from './snapshot';

/** Events main sends to its window; names in the past tense. */
export interface AppEvents {
  'snapshot-updated': SnapshotUpdate;
  'chat-delta-arrived': ChatDelta;
  'conversation-changed': ConversationView;
  /** The tray or a second start asked for a screen. */
  'screen-requested': { readonly screen: ScreenName };
}
export type EventName = keyof AppEvents;

/** Every screen, in the order of the rail; which of its groups each belongs to says `renderer/app/screens.ts`. */
export const SCREEN_NAMES = ['dashboard', 'contribute', 'challenges', 'chat', 'ledger', 'settings'] as const;
export type ScreenName = (typeof SCREEN_NAMES)[number];

/** The one object a window can see, `window.tore`: frozen, typed, nothing of Electron behind it. */
export interface ToreApi {
  call<Name extends Channel>(channel: Name, input: CallInput<Name>): Promise<CallOutput<Name>>;
  /** Returns the function that ends the subscription. */
  on<Name extends EventName>(event: Name, listener: (payload: AppEvents[Name]) => void): () => void;
  readonly platform: 'linux' | 'darwin' | 'win32';
}
