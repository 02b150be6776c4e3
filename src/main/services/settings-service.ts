import type { SettingsPatch } from '../../contract/calls';
import type { Settings } from '../../contract/settings';
import type { Result } from '../../protocol/result';
import type { MainErrorCode } from '../errors';
import type { DocumentStore } from '../storage/electron-document-store';
import { patchSettings, settingsDocument } from './settings-document';

export type SettingsListener = (current: Settings, previous: Settings) => void;

/** Owns the settings: what is on disk is what is in force. */
export class SettingsService {
  #settings: Settings;
  readonly #store: DocumentStore;
  readonly #listeners = new Set<SettingsListener>();

  constructor(settings: Settings, store: DocumentStore) {
    this.#settings = settings;
    this.#store = store;
  }

  get current(): Settings {
    return this.#settings;
  }

  /** Saves first; a change that cannot be saved is not applied. */
  update(patch: SettingsPatch): Result<void, MainErrorCode> {
    return this.#replace(patchSettings(this.#settings, patch));
  }

  /** Records that the user agreed to what the app does with this computer. */
  accept(consentAt: string, region: string | null): Result<void, MainErrorCode> {
    return this.#replace({ ...this.#settings, consentAt, region });
  }

  /** Returns the function that ends the subscription. */
  onChange(listener: SettingsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #replace(next: Settings): Result<void, MainErrorCode> {
    const saved = this.#store.write(settingsDocument(next));
    if (!saved.ok) return saved;
    const previous = this.#settings;
    this.#settings = next;
    for (const listener of this.#listeners) listener(next, previous);
    return saved;
  }
}
