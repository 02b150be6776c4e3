// Opens the app named on the command line, as the default app of an official Electron does:
// `electron [switches] [-r module] <folder> [arguments]`.
// The archive of the fallback runtime has no default app, so this file stands in for it.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app, dialog } from 'electron';

const require = createRequire(import.meta.url);

/** Splits the command line into modules to load first and the app's path; switches belong to Chromium and Node. */
function readCommandLine(args) {
  const preloads = [];
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index];
    if (argument === '-r' || argument === '--require') {
      index += 1;
      preloads.push(args[index]);
    } else if (argument === '--') {
      return { preloads, target: args[index + 1] };
    } else if (!argument.startsWith('-')) {
      return { preloads, target: argument };
    }
  }
  return { preloads, target: undefined };
}

async function open(target) {
  const folder = resolve(target);
  const manifestFile = join(folder, 'package.json');
  const manifest = existsSync(manifestFile) ? JSON.parse(readFileSync(manifestFile, 'utf8')) : undefined;
  Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });
  if (manifest?.version) {
    app.setVersion(manifest.version);
  }
  const name = manifest?.productName ?? manifest?.name;
  if (name) {
    app.setName(name);
    app.setDesktopName(manifest.desktopName ?? `${name}.desktop`);
  }
  const entry = require.resolve(folder);
  app.setAppPath(manifest ? folder : dirname(entry));
  // Awaited at the top level, so that `ready` waits until the app has registered its schemes and handlers.
  await import(pathToFileURL(entry).href);
}

const { preloads, target } = readCommandLine(process.argv.slice(1));
for (const preload of preloads) {
  require(resolve(preload));
}
if (target === undefined) {
  console.error('electron: name the folder of the app to open');
  app.exit(1);
} else {
  try {
    await open(target);
  } catch (error) {
    console.error(error);
    dialog.showErrorBox('The app could not be opened', String(error?.stack ?? error));
    app.exit(1);
  }
}
