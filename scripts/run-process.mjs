import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder; every script works from there. */
export const projectDirectory = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Entry files of the command line tools, started with this Node so that no shell or `.cmd` shim is involved. */
const toolEntries = {
  'electron-builder': 'electron-builder/cli.js',
  'electron-vite': 'electron-vite/bin/electron-vite.js',
  playwright: '@playwright/test/cli.js',
  vitest: 'vitest/vitest.mjs',
};

/** Command and arguments that run an installed tool. */
export function toolCommand(name, args) {
  return [process.execPath, [join(projectDirectory, 'node_modules', toolEntries[name]), ...args]];
}

/** Command and arguments that run the same npm that started this script, or the one on the path. */
export function npmCommand(args) {
  const entry = process.env.npm_execpath;
  if (entry && basename(entry) === 'npm-cli.js' && existsSync(entry)) {
    return [process.execPath, [entry, ...args]];
  }
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', args];
}

const forwardedSignals = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program with this terminal's input and output, passes signals on to it and resolves with its exit code.
 * A program that a signal ended counts as exit code 1.
 */
export function runProcess([command, args], { env = process.env, cwd = projectDirectory } = {}) {
  return new Promise((fulfil, reject) => {
    // npm.cmd is a batch file, which Node starts through a shell only.
    const child = spawn(command, args, { cwd, env, stdio: 'inherit', shell: command.endsWith('.cmd') });
    const forward = (signal) => child.kill(signal);
    for (const signal of forwardedSignals) {
      process.on(signal, forward);
    }
    const release = () => {
      for (const signal of forwardedSignals) {
        process.off(signal, forward);
      }
    };
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('close', (code) => {
      release();
      fulfil(code ?? 1);
    });
  });
}
