import { describe, expect, it } from 'vitest';
import { readHeadlessOptions } from './headless-options';

describe('readHeadlessOptions', () => {
  it('runs on loopback by default', () => {
    expect(readHeadlessOptions([], {})).toMatchObject({
      ok: true,
      value: { kind: 'serve', warnings: [], options: { port: 8420 } },
    });
  });

  it('reads every option', () => {
    const line =
      '--host 0.0.0.0 --port 0 --database x.db --model-folder a --model-folder b --name N --no-token-economy --opening-grant 2.5';
    const read = readHeadlessOptions(line.split(' '), { TORE_ACCESS_TOKEN: 'from-environment' });
    expect(read).toMatchObject({
      ok: true,
      value: {
        options: {
          port: 0,
          databaseFile: 'x.db',
          modelFolders: ['a', 'b'],
          name: 'N',
          tokenEconomy: false,
          openingGrantMicroGft: 2_500_000,
          accessToken: 'from-environment',
        },
      },
    });
  });

  it('warns of an open door', () => {
    const read = readHeadlessOptions(['--host', '0.0.0.0'], {});
    expect(read).toMatchObject({
      ok: true,
      value: { warnings: expect.arrayContaining([expect.stringContaining('without an access token')]) },
    });
  });

  it.each([
    ['--port', 'x'],
    ['--port', '70000'],
    ['--opening-grant', '-1'],
    ['--opening-grant', 'much'],
    ['--unknown'],
    ['stray'],
  ])('refuses %s %s', (...line) => {
    expect(readHeadlessOptions(line.filter(Boolean), {})).toMatchObject({
      ok: false,
      error: { code: 'config-invalid' },
    });
  });

  it('shows help and version', () => {
    expect(readHeadlessOptions(['--help'], {})).toMatchObject({ value: { kind: 'help' } });
    expect(readHeadlessOptions(['-v'], {})).toMatchObject({ value: { kind: 'version' } });
  });
});
