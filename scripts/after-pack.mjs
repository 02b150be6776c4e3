// electron-builder calls this for every packed app before it makes installers of it.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the package says of its updates: nothing, unless whoever publishes builds names a feed and its key. */
export function updateFeed(env) {
  const { TORE_UPDATE_URL: url, TORE_UPDATE_PUBLIC_KEY: keyFile } = env;
  if (!url && !keyFile) {
    return { url: null, publicKey: null };
  }
  if (!url || !keyFile) {
    throw new Error('TORE_UPDATE_URL and TORE_UPDATE_PUBLIC_KEY (a PEM file) belong together');
  }
  return { url, publicKey: readFileSync(keyFile, 'utf8') };
}

export default function afterPack({ appOutDir, electronPlatformName, packager }) {
  const resources =
    electronPlatformName === 'darwin'
      ? join(appOutDir, `${packager.appInfo.productFilename}.app`, 'Contents', 'Resources')
      : join(appOutDir, 'resources');
  // What is named in the configuration to lie here would be left out of the archive, where the window reads it.
  const licences = join(packager.projectDir, 'out', 'renderer', 'third-party-licenses.txt');
  copyFileSync(licences, join(resources, 'THIRD-PARTY-LICENSES.txt'));
  writeFileSync(join(resources, 'update-feed.json'), `${JSON.stringify(updateFeed(process.env), null, 2)}\n`);
}
