import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Menu, nativeImage, nativeTheme, Tray, type NativeImage } from 'electron';
import { reasonOf } from '../errors';
import type { Log } from './log';
import type { TrayAction, TrayIcon, TrayModel } from './tray-model';

/** The icon in the system's tray. Where a system has none, the app works without it. */
export class TrayService {
  #tray: Tray | null = null;
  #shown: { readonly icon: NativeImage; readonly tooltip: string; readonly menu: string } | null = null;
  #model: TrayModel | null = null;
  readonly #images = new Map<string, NativeImage>();
  readonly #iconFolder: string;
  readonly #onAction: (action: TrayAction) => void;
  readonly #log: Log;

  constructor(iconFolder: string, onAction: (action: TrayAction) => void, log: Log) {
    this.#iconFolder = iconFolder;
    this.#onAction = onAction;
    this.#log = log;
    nativeTheme.on('updated', () => {
      if (this.#model !== null) this.show(this.#model);
    });
  }

  /** Whether there is an icon that can bring a hidden window back. */
  get available(): boolean {
    return this.#tray !== null;
  }

  show(model: TrayModel): void {
    this.#model = model;
    const icon = this.#image(model.icon);
    if (icon === null) return;
    try {
      this.#tray ??= this.#create(icon);
    } catch (thrown) {
      this.#log.warn({ error: reasonOf(thrown) }, 'this system has no tray');
      return;
    }
    const menu = JSON.stringify(model.menu);
    // Rebuilding a menu closes it while it is open, and setting the same icon flickers on some desktops.
    if (this.#shown?.icon !== icon) this.#tray.setImage(icon);
    if (this.#shown?.tooltip !== model.tooltip) this.#tray.setToolTip(model.tooltip);
    if (this.#shown?.menu !== menu) this.#tray.setContextMenu(this.#buildMenu(model));
    this.#shown = { icon, tooltip: model.tooltip, menu };
  }

  close(): void {
    this.#tray?.destroy();
    this.#tray = null;
  }

  #create(icon: NativeImage): Tray {
    const tray = new Tray(icon);
    this.#log.info({ afterStartMs: Math.round(process.uptime() * 1_000) }, 'tray icon shown');
    // On macOS a click opens the menu, as people expect there.
    if (process.platform !== 'darwin') tray.on('click', () => this.#onAction({ kind: 'open' }));
    return tray;
  }

  #buildMenu(model: TrayModel): Menu {
    return Menu.buildFromTemplate(
      model.menu.map((item) => {
        if (item.kind === 'separator') return { type: 'separator' };
        if (item.kind === 'text') return { label: item.label, enabled: false };
        return { label: item.label, click: () => this.#onAction(item.action) };
      }),
    );
  }

  #image(icon: TrayIcon): NativeImage | null {
    const path = join(this.#iconFolder, `tray-${icon}${iconVariant()}.png`);
    const known = this.#images.get(path);
    if (known !== undefined) return known;
    if (!existsSync(path)) {
      this.#log.warn({ path }, 'a tray icon is missing');
      return null;
    }
    const image = nativeImage.createFromPath(path);
    this.#images.set(path, image);
    return image;
  }
}

/** macOS colours a template image itself; elsewhere the icon must contrast with the system's panel. */
function iconVariant(): string {
  if (process.platform === 'darwin') return 'Template';
  // The theme chosen for this app's window says nothing about the panel; Linux knows no other one.
  if (process.platform !== 'win32') return nativeTheme.shouldUseDarkColors ? '-dark' : '-light';
  // Windows draws tray icons at 16 pixels, or 32 on dense displays; other sizes come out blurred.
  return nativeTheme.shouldUseDarkColorsForSystemIntegratedUI ? '-dark-16' : '-light-16';
}
