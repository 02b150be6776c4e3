import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDirectory } from './run-process.mjs';

/** Runs a line of a shell, and returns how it ended, what it said, and that nothing is left which could say more. */
function run(seconds, line) {
  const script = join(projectDirectory, 'scripts', 'with-patience.mjs');
  return spawnSync(process.execPath, [script, String(seconds), 'sh', '-c', line], {
    encoding: 'utf8',
    timeout: 50_000,
  });
}

// Groups of processes are not what Windows has; the guides, which need this, are not followed there.
describe.skipIf(process.platform === 'win32')('patience', () => {
  it('lets a command end by itself, with its code', () => {
    expect(run(60, 'echo said; exit 7')).toMatchObject({ status: 7, stdout: 'said\n' });
  });

  it('ends one that takes too long, and what it started', () => {
    const { status, stdout } = run(0.5, 'sleep 1000 & sleep 1000');
    expect(status).toBe(1);
    expect(stdout).toContain('took longer than 0.5 seconds');
  });
});
