import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder for downloads that several checkouts share; it is safe to delete at any time. */
export function cacheDirectory(platform = process.platform, env = process.env) {
  const home = homedir();
  if (platform === 'win32') {
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'tore-desktop', 'Cache');
  }
  if (platform === 'darwin') {
    return join(home, 'Library', 'Caches', 'tore-desktop');
  }
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'tore-desktop');
}
