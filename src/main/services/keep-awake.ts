import type { Settings } from '../../contract/settings';
import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';

/** The part of Electron's `powerSaveBlocker` that is used. */
export interface SleepBlocker {
  start(type: 'prevent-app-suspension'): number;
  stop(id: number): unknown;
}

/** Keeps the computer from falling asleep while it works, where the person wants that. The screen may go dark. */
export class KeepAwake {
  #id: number | null = null;
  readonly #blocker: SleepBlocker;

  constructor(blocker: SleepBlocker) {
    this.#blocker = blocker;
  }

  update(choice: Settings['policy']['keepAwake'], state: NodeSnapshot['state']): void {
    const wanted = choice === 'working' && state.kind === 'serving';
    if (wanted && this.#id === null) this.#id = this.#blocker.start('prevent-app-suspension');
    if (!wanted) this.close();
  }

  close(): void {
    if (this.#id !== null) this.#blocker.stop(this.#id);
    this.#id = null;
  }
}
