import type { CallInput, CallOutput, Channel } from './calls';
import type { ChatDelta, ConversationView } from './chat';
import type { ImportState, LibraryChange } from './library';
import type { SessionEvents } from './sessions';
import type { SnapshotUpdate } from './snapshot';

/** Events main sends to its window; names in the past tense. */
export interface AppEvents extends SessionEvents {
  'snapshot-updated': SnapshotUpdate;
  'chat-delta-arrived': ChatDelta;
  'conversation-changed': ConversationView;
  /** Lists of the library are out of date. */
  'library-changed': LibraryChange;
  'import-changed': ImportState;
  /** A file was opened from the desktop; `library:take-opened` says what it holds. */
  'library-opened': null;
  /** A link of the app was opened from outside; `links:take` gives it. */
  'links-opened': null;
  /** Keys, records, handshakes or agreements changed: `trust:get` gives them. */
  'trust-changed': null;
  /** Models, downloads or the disk they take changed: `models:get` gives them. */
  'models-changed': null;
  /** Updates or what the system allows changed: `system:get` gives it. */
  'system-changed': null;
  /** The tray or a second start asked for a screen. */
  'screen-requested': { readonly screen: ScreenName };
}
export type EventName = keyof AppEvents;

/** Every screen, in the order of the rail; which of its groups each belongs to says `renderer/app/screens.ts`. */
export const SCREEN_NAMES = [
  'dashboard',
  'contribute',
  'challenges',
  'chat',
  'library',
  'sessions',
  'discovery',
  'ledger',
  'statistics',
  'administration',
  'help',
  'settings',
] as const;
export type ScreenName = (typeof SCREEN_NAMES)[number];

/** Channels a page can call by name; paths of files come from the preload script alone. */
export type WindowChannel = Exclude<Channel, 'library:import-paths' | 'models:import-paths'>;

/** A file of the page, by which the preload script finds it on the disk: the browser's `File`. */
export type DroppedFile = object;

/** The one object a window can see, `window.tore`: frozen, typed, nothing of Electron behind it. */
export interface ToreApi {
  call<Name extends WindowChannel>(channel: Name, input: CallInput<Name>): Promise<CallOutput<Name>>;
  /** Returns the function that ends the subscription. */
  on<Name extends EventName>(event: Name, listener: (payload: AppEvents[Name]) => void): () => void;
  /** Imports files the person dropped on the window; the page never learns where they are. */
  importFiles(files: readonly DroppedFile[]): Promise<CallOutput<'library:import-paths'>>;
  /** Puts a dropped model folder or GGUF file on the shelf of models. */
  importModels(files: readonly DroppedFile[]): Promise<CallOutput<'models:import-paths'>>;
  readonly platform: 'linux' | 'darwin' | 'win32';
}
