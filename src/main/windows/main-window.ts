import { BrowserWindow, screen, type WebContents } from 'electron';
import type { AppMemory } from '../services/app-memory';
import type { Log } from '../services/log';
import type { Timers } from '../services/timers';
import { MINIMUM_WINDOW_SIZE, placeWindow, type Bounds } from './window-placement';

/** Moving a window reports every step; the place it stays at is remembered once. */
const REMEMBER_DELAY_MS = 500;
/** A page that keeps dying is not loaded again for ever: this often within a minute. */
const MAX_RELOADS = 3;
const RELOAD_WINDOW_MS = 60_000;

export interface MainWindowOptions {
  readonly page: string;
  readonly preload: string;
  readonly icon: string | null;
  readonly backgroundColor: () => string;
  /** How large everything is drawn, 1 is as it comes. */
  readonly textScale: () => number;
  /** Whether closing hides the window and leaves the app working. */
  readonly hidesOnClose: () => boolean;
  readonly onVisibility: (visible: boolean) => void;
  /** The window was closed for good and the app should end. */
  readonly onClosed: () => void;
  /** The page died and was loaded again, or was given up; the sentence says which. */
  readonly onRecovery: (text: string) => void;
  readonly memory: AppMemory;
  readonly timers: Timers;
  readonly log: Log;
}

/** The one window of the app: made when it is first shown, hidden or closed later, placed where it was. */
export class MainWindow {
  #window: BrowserWindow | null = null;
  #quitting = false;
  #cancelRemember: (() => void) | null = null;
  #reloadTimesMs: number[] = [];
  readonly #options: MainWindowOptions;

  constructor(options: MainWindowOptions) {
    this.#options = options;
  }

  get webContents(): WebContents | null {
    return this.#window === null || this.#window.isDestroyed() ? null : this.#window.webContents;
  }

  get visible(): boolean {
    return this.#window !== null && this.#window.isVisible() && !this.#window.isMinimized();
  }

  get browserWindow(): BrowserWindow | null {
    return this.#window;
  }

  /** Brings the window to the front, making it if need be. */
  show(): void {
    if (this.#window === null) {
      this.#open();
      return;
    }
    if (this.#window.isMinimized()) this.#window.restore();
    this.#window.show();
    this.#window.focus();
  }

  /** Draws everything at the chosen size. */
  applyTextScale(): void {
    this.webContents?.setZoomFactor(this.#options.textScale());
  }

  /** From now on closing really closes. */
  prepareToQuit(): void {
    this.#quitting = true;
    this.#remember();
  }

  #open(): void {
    const options = this.#options;
    const window = this.#create();
    this.#window = window;
    window.once('ready-to-show', () => {
      window.show();
      window.focus();
    });
    for (const event of ['resize', 'move', 'maximize', 'unmaximize'] as const) {
      // Electron types each event's listener on its own, so that a union of names fits none of the overloads.
      (window.on as (name: string, listener: () => void) => void).call(window, event, () => this.#rememberSoon());
    }
    window.on('show', () => options.onVisibility(true));
    window.on('restore', () => options.onVisibility(true));
    window.on('hide', () => options.onVisibility(false));
    window.on('minimize', () => options.onVisibility(false));
    window.on('close', (event) => {
      this.#remember();
      if (this.#quitting || !options.hidesOnClose()) return;
      event.preventDefault();
      window.hide();
    });
    window.on('closed', () => {
      this.#cancelRemember?.();
      if (this.#window !== window) return;
      this.#window = null;
      options.onVisibility(false);
      if (!this.#quitting) options.onClosed();
    });
    // The factor belongs to the loaded page.
    window.webContents.on('did-finish-load', () => this.applyTextScale());
    window.webContents.on('render-process-gone', (_event, details) => this.#recover(details.reason));
    window.webContents.on('unresponsive', () => options.log.warn({}, 'the window does not respond'));
    window.webContents.on('preload-error', (_event, _path, error) =>
      options.log.error({ error: error.message }, 'the preload script failed'),
    );
    this.#load(window);
  }

  #create(): BrowserWindow {
    const { memory, preload, icon, backgroundColor } = this.#options;
    const primary = screen.getPrimaryDisplay();
    const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id);
    const placement = placeWindow(
      memory.current.window,
      [primary, ...others].map((display): Bounds => display.workArea),
    );
    const window = new BrowserWindow({
      width: placement.width,
      height: placement.height,
      ...placement.position,
      minWidth: MINIMUM_WINDOW_SIZE.width,
      minHeight: MINIMUM_WINDOW_SIZE.height,
      show: false,
      title: 'Tore Desktop',
      autoHideMenuBar: true,
      backgroundColor: backgroundColor(),
      ...(icon === null ? {} : { icon }),
      webPreferences: {
        preload,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        nodeIntegrationInWorker: false,
        nodeIntegrationInSubFrames: false,
        webSecurity: true,
        allowRunningInsecureContent: false,
        experimentalFeatures: false,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
      },
    });
    if (placement.maximized) window.maximize();
    return window;
  }

  #load(window: BrowserWindow): void {
    window.loadURL(this.#options.page).catch((thrown: unknown) => {
      this.#options.log.error({ error: String(thrown) }, 'the page could not be loaded');
      // Without this a window whose page fails would never be seen, and nothing would say why.
      if (!window.isDestroyed()) window.show();
    });
  }

  /** Loads the page again after its process died; everything it showed is owned by main. */
  #recover(reason: string): void {
    const { log, timers } = this.#options;
    log.error({ reason }, 'the page process ended');
    const window = this.#window;
    if (window === null || window.isDestroyed() || this.#quitting || reason === 'clean-exit') return;
    const nowMs = timers.now();
    this.#reloadTimesMs = [...this.#reloadTimesMs.filter((time) => nowMs - time < RELOAD_WINDOW_MS), nowMs];
    if (this.#reloadTimesMs.length > MAX_RELOADS) {
      log.error({}, 'the page keeps failing and is not loaded again until the window is opened anew');
      this.#window = null;
      this.#options.onVisibility(false);
      window.destroy();
      this.#options.onRecovery(
        'The window kept failing and was closed. The work goes on; open it again from the tray.',
      );
      return;
    }
    this.#load(window);
    this.#options.onRecovery('The window stopped working and was opened again. Nothing was lost.');
  }

  #rememberSoon(): void {
    this.#cancelRemember?.();
    this.#cancelRemember = this.#options.timers.after(REMEMBER_DELAY_MS, () => this.#remember());
  }

  #remember(): void {
    this.#cancelRemember?.();
    this.#cancelRemember = null;
    const window = this.#window;
    if (window === null || window.isDestroyed() || window.isMinimized()) return;
    const remembered = { bounds: window.getNormalBounds(), maximized: window.isMaximized() };
    if (JSON.stringify(remembered) === JSON.stringify(this.#options.memory.current.window)) return;
    this.#options.memory.remember({ window: remembered });
  }
}
