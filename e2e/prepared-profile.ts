// What a first start leaves behind, for tests that are about something later: agreed settings, the node's key, what its
// computer measured and the shards it cut. The app itself makes it, once per run for each app that a test starts.
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Below the folder with the app's data. Everything else, its coordinator and its library too, begins anew. */
const KEPT = {
  /** Nobody has agreed to anything, and Welcome opens; the key is kept since measurements belong to it. */
  measured: ['secrets.json', 'node/hardware.json', 'node/shards'],
  /** Welcome was gone through with what it proposes. */
  serving: ['settings.json', 'secrets.json', 'node/hardware.json', 'node/shards'],
} as const;

export type Beginning = keyof typeof KEPT;

/** Where the app keeps its data in a profile; a packed app has a folder of its own in the one for configurations. */
export function dataFolderOf(profile: string): string {
  return process.env['TORE_PACKED_APP'] === undefined ? profile : join(profile, 'tore-desktop');
}

/** The profiles of one run. */
export class PreparedProfiles {
  private readonly folder: string;

  /**
   * @param outputFolder - where Playwright keeps what a run gives; it empties it when a run begins
   */
  constructor(outputFolder: string) {
    this.folder = join(outputFolder, 'prepared-profiles');
  }

  /**
   * Fills a new profile, unless no app of this run has been through its first start yet. Apps of one test are computers of
   * their own: `place` is how many of them were started before, and each place has its own key.
   */
  async fill(profile: string, beginning: Beginning, place = 0): Promise<boolean> {
    const from = this.of(place);
    if (!existsSync(from)) return false;
    for (const name of KEPT[beginning]) {
      await cp(join(from, name), join(dataFolderOf(profile), name), { recursive: true });
    }
    return true;
  }

  /** Keeps what a profile holds right after its first start. Where two tests do so at once, the first one's is kept. */
  async keep(profile: string, place = 0): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const made = await mkdtemp(join(this.folder, 'new-'));
    for (const name of KEPT.serving) {
      const to = join(made, name);
      await mkdir(dirname(to), { recursive: true });
      await cp(join(dataFolderOf(profile), name), to, { recursive: true });
    }
    if (existsSync(this.of(place))) await rm(made, { recursive: true });
    else await rename(made, this.of(place)).catch(() => rm(made, { recursive: true }));
  }

  private of(place: number): string {
    return join(this.folder, String(place));
  }
}
