import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';

/** Files somebody opens at once from the desktop; a whole folder is dropped on the window instead. */
const MAX_OPENED = 100;

/**
 * The files among the arguments the app was started with: how Windows and Linux say which file was opened.
 *
 * @param argumentsOfApp - without the program and, in development, without the app's folder
 * @param workingFolder - that of the start, which relative names belong to
 */
export function filesOfArguments(argumentsOfApp: readonly string[], workingFolder: string): readonly string[] {
  const files: string[] = [];
  for (const argument of argumentsOfApp) {
    // Switches of the program and of Chromium.
    if (argument.startsWith('-') || argument === '') continue;
    const path = isAbsolute(argument) ? argument : resolve(workingFolder, argument);
    if (isFile(path)) files.push(path);
    if (files.length === MAX_OPENED) break;
  }
  return files;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // Not a path at all, or one that is gone: nothing to open.
    return false;
  }
}
