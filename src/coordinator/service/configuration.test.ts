import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig, type CoordinatorOptions } from '../config';
import { readHeadlessOptions } from '../headless-options';
import { readConfigDocument, settingNames, writeConfigDocument } from './config-document';
import { openDatabase } from '../storage/open-database';
import { examine, isOpenToOthers } from './doctor';
import { initialize } from './initialize';
import { shownSettings } from './policy';
import { createServiceLogger } from './service-logger';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-service-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the written configuration', () => {
  it('names every setting, sets the chosen ones, and is read back as it was meant', () => {
    const written = writeConfigDocument({
      name: 'Ours: the "best"',
      modelFolders: [resolve('/a b'), resolve('/c')],
      accessToken: '12345678',
    });
    if (!written.ok) throw new Error(written.error.message);
    for (const name of settingNames()) expect(written.value).toMatch(new RegExp(`^#?${name}: `, 'm'));
    expect(readConfigDocument(written.value, 'x')).toEqual({
      ok: true,
      value: { name: 'Ours: the "best"', modelFolders: [resolve('/a b'), resolve('/c')], accessToken: '12345678' },
    });
  });

  it('counts its paths from the folder it lies in, and changes nothing else', () => {
    const peer = { name: 'B', publicKey: 'A'.repeat(43) + '=' };
    const text = stringify({
      name: 'x/y',
      databaseFile: 'a.db',
      tlsCertificateFile: null,
      tlsKeyFile: '../tls/key.pem',
      signingKeyFile: resolve('/keys/a.pem'),
      modelFolders: ['tiny', resolve('/models/large')],
      policy: './ours.json',
      federation: { keyFile: 'f.pem', peers: [{ ...peer, agreementFile: 'ab.json' }] },
    });
    const folderOfIt = resolve('/etc/tore');
    const within = (path: string): string => join(folderOfIt, path);
    expect(readConfigDocument(text, join(folderOfIt, 'c.yaml'))).toEqual({
      ok: true,
      value: {
        name: 'x/y',
        databaseFile: within('a.db'),
        tlsCertificateFile: null,
        tlsKeyFile: resolve('/etc/tls/key.pem'),
        signingKeyFile: resolve('/keys/a.pem'),
        modelFolders: [within('tiny'), resolve('/models/large')],
        policy: within('ours.json'),
        federation: { keyFile: within('f.pem'), peers: [{ ...peer, agreementFile: within('ab.json') }] },
      },
    });
    for (const kept of ['databaseFile: ":memory:"', 'policy: teaching', 'federation: {}']) {
      expect(readConfigDocument(kept, '/etc/tore/c.yaml')).toEqual({ ok: true, value: parse(kept) });
    }
  });

  it('has the defaults behind its comments', () => {
    const written = writeConfigDocument({});
    if (!written.ok) throw new Error(written.error.message);
    const uncommented = written.value.replaceAll(/^#(\w+: )/gm, '$1');
    const defaults = readConfig({ port: 8_420, drainSeconds: 30, metrics: true, apiPage: true });
    if (!defaults.ok) throw new Error(defaults.error.message);
    expect(parse(uncommented)).toEqual(defaults.value);
  });

  it.each([
    ['a: [', 'config-invalid'],
    ['hots: 127.0.0.1', 'hots'],
    ['port: 99999', 'port'],
    ['- host', 'not a list of settings'],
    ['port: 1\nport: 2', 'unique'],
    [`name: ${'x'.repeat(300_000)}`, 'larger'],
    [`a: &a [${'x,'.repeat(20)}]\nb: &b [${'*a,'.repeat(20)}]\nname: [${'*b,'.repeat(20)}]`, 'alias'],
  ])('refuses %#', (text, word) => {
    const read = readConfigDocument(text, 'the-file.yaml');
    expect(read).toMatchObject({ ok: false, error: { code: 'config-invalid' } });
    expect(JSON.stringify(read)).toContain('the-file.yaml');
    expect(JSON.stringify(read).toLowerCase()).toContain(word);
  });
});

describe('init', () => {
  it.each(['private', 'institution', 'cooperative'])(
    'makes a %s configuration for its owner alone',
    async (template) => {
      const file = join(folder, 'c.yaml');
      expect(await initialize(file, template, {})).toEqual({ ok: true, value: undefined });
      if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
      const text = await readFile(file, 'utf8');
      const signingKeyFile = join(folder, 'c.signing-key.pem');
      const databaseFile = join(folder, 'tore-coordinator.db');
      expect(readConfigDocument(text, file)).toMatchObject({ ok: true, value: { databaseFile, signingKeyFile } });
      if (process.platform !== 'win32') expect((await stat(signingKeyFile)).mode & 0o777).toBe(0o600);
      const key = await readFile(signingKeyFile, 'utf8');
      expect(key).toContain('PRIVATE KEY');
      expect(text).not.toContain(key.split('\n')[1]);
      expect(await initialize(file, template, {})).toMatchObject({ ok: false, error: { code: 'config-invalid' } });
      expect(await readFile(file, 'utf8')).toBe(text);
      expect(await readFile(signingKeyFile, 'utf8')).toBe(key);
    },
  );

  it('writes what was named in the working directory with whole paths', async () => {
    const file = join(folder, 'c.yaml');
    const chosen = { modelFolders: ['tiny'], signingKeyFile: relative(process.cwd(), join(folder, 'k.pem')) };
    expect(await initialize(file, 'private', chosen)).toMatchObject({ ok: true });
    expect(readConfigDocument(await readFile(file, 'utf8'), file)).toMatchObject({
      value: { modelFolders: [resolve('tiny')], signingKeyFile: join(folder, 'k.pem') },
    });
  });

  it('writes the whole path of a database that is named, and none beside a server', async () => {
    const written = async (name: string, chosen: CoordinatorOptions): Promise<unknown> => {
      const file = join(folder, name);
      expect(await initialize(file, 'private', chosen)).toMatchObject({ ok: true });
      const read = readConfigDocument(await readFile(file, 'utf8'), file);
      return read.ok ? read.value.databaseFile : read;
    };
    expect(await written('a.yaml', { databaseFile: 'x.db', databaseUrl: null })).toBe(resolve('x.db'));
    expect(await written('b.yaml', { databaseUrl: 'postgresql://tore@db/tore' })).toBeUndefined();
  });

  it('is followed by what lets a service read its files', async () => {
    const unit = await readFile(
      resolve(import.meta.dirname, '../../../resources/systemd/tore-coordinator.service'),
      'utf8',
    );
    const file = join(folder, 'coordinator.yaml');
    await initialize(file, 'institution', {});
    const read = readConfigDocument(await readFile(file, 'utf8'), file);
    const key = read.ok ? basename(read.value.signingKeyFile ?? '') : '';
    expect(unit).toContain(`chown tore:tore /etc/tore/${key}\n`);
  });

  it('makes other secrets each time', async () => {
    const tokenOf = async (name: string): Promise<string> => {
      await initialize(join(folder, name), 'private', {});
      return /^accessToken: (.+)$/m.exec(await readFile(join(folder, name), 'utf8'))?.[1] ?? '';
    };
    const first = await tokenOf('a');
    expect(first.length).toBeGreaterThan(30);
    expect(await tokenOf('b')).not.toBe(first);
  });
});

describe('where settings come from', () => {
  it('puts the command line before the environment before the file before the default', async () => {
    const file = join(folder, 'c.yaml');
    await writeFile(file, 'name: file\nhost: file.example\nport: 1\nmaxRequests: 5\n');
    const read = readHeadlessOptions(['--config', file, '--name', 'flag'], {
      TORE_NAME: 'environment',
      TORE_HOST: 'environment.example',
      TORE_ACCESS_TOKEN: '1234567890',
      TORE_MODEL_FOLDERS: '/a,/b',
      TORE_TOKEN_ECONOMY: 'false',
    });
    expect(read).toMatchObject({
      ok: true,
      value: {
        kind: 'serve',
        configFile: file,
        options: {
          name: 'flag',
          host: 'environment.example',
          port: 1,
          maxRequests: 5,
          accessToken: '1234567890',
          modelFolders: ['/a', '/b'],
          tokenEconomy: false,
          drainSeconds: 30,
        },
      },
    });
  });

  it('finds the database of a file from any folder', async () => {
    const file = join(folder, 'c.yaml');
    for (const [databaseFile, whole] of [
      ['data/c.db', join(folder, 'data', 'c.db')],
      [join(folder, 'other.db'), join(folder, 'other.db')],
      [':memory:', ':memory:'],
    ]) {
      await writeFile(file, `databaseFile: ${JSON.stringify(databaseFile)}\n`);
      const read = readHeadlessOptions(['nodes', '--config', file], {});
      expect(read).toMatchObject({ ok: true, value: { options: { databaseFile: whole } } });
    }
  });

  it('takes one place as a list of one, and a comma in a name as part of it', () => {
    const environment = { TORE_MODEL_FOLDERS: '/a', TORE_NAME: 'Physics, floor 2', TORE_ACCEPTED_MODELS: 'any' };
    expect(readHeadlessOptions([], environment)).toMatchObject({
      ok: true,
      value: { options: { modelFolders: ['/a'], name: 'Physics, floor 2', acceptedModels: 'any' } },
    });
  });

  it('reads secrets from files of a service manager, and not from two places', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'from-a-file-of-systemd\n');
    expect(readHeadlessOptions([], { TORE_ACCESS_TOKEN_FILE: file })).toMatchObject({
      ok: true,
      value: { options: { accessToken: 'from-a-file-of-systemd' } },
    });
    for (const environment of [
      { TORE_ACCESS_TOKEN_FILE: join(folder, 'none') },
      { TORE_ACCESS_TOKEN_FILE: file, TORE_ACCESS_TOKEN: 'another-one' },
    ]) {
      expect(readHeadlessOptions([], environment)).toMatchObject({ ok: false, error: { code: 'config-invalid' } });
    }
  });

  it.each([
    [['backup', 'x.gz'], { kind: 'backup', file: 'x.gz' }],
    [
      ['restore', 'x.gz', '--database', 'postgresql://u@h/d'],
      { kind: 'restore', options: { databaseUrl: 'postgresql://u@h/d' } },
    ],
    [['ledger', 'verify'], { kind: 'ledger-verify' }],
    [['ledger', 'audit', '--limit', '0'], { kind: 'ledger-audit', limit: 0 }],
    [['nodes'], { kind: 'nodes' }],
    [['nodes', 'release', 'n-1'], { kind: 'release-node', nodeId: 'n-1' }],
    [['--release-node', 'n-1'], { kind: 'release-node', nodeId: 'n-1' }],
    [['policy', 'check'], { kind: 'policy-check' }],
    [['init', '--template', 'institution'], { kind: 'init', template: 'institution' }],
  ])('understands %j', (line, command) => {
    expect(readHeadlessOptions(line, {})).toMatchObject({ ok: true, value: command });
  });
});

describe('the doctor', () => {
  it('finds what is wrong, and names it', async () => {
    const file = join(folder, 'c.yaml');
    await writeFile(file, 'port: 0\n', { mode: 0o644 });
    const options = {
      port: 0,
      databaseFile: join(folder, 'none', 'c.db'),
      modelFolders: [folder],
      tlsCertificateFile: join(import.meta.dirname, 'testdata/localhost.cert.pem'),
      tlsKeyFile: join(import.meta.dirname, 'testdata/other.key.pem'),
    };
    const problems = (await examine(options, file)).filter((finding) => finding.state === 'problem');
    const text = problems.map((finding) => finding.text).join('\n');
    expect(problems).toHaveLength(3);
    for (const word of [join('none', 'c.db'), 'model folder', 'does not belong']) expect(text).toContain(word);
  });

  const sound = (): CoordinatorOptions => ({ port: 0, databaseFile: join(folder, 'c.db'), acceptedModels: ['m'] });

  it('is content with a sound configuration', async () => {
    const opened = await openDatabase(join(folder, 'c.db'));
    if (opened.ok) await opened.value.destroy();
    const findings = await examine(sound(), null);
    expect(findings.map((finding) => finding.state)).not.toContain('problem');
    const text = findings.map((finding) => finding.text).join('\n');
    expect(text).toContain('0 of 0 entries');
    expect(text).toContain(`database ${join(folder, 'c.db')}`);
  });

  it('says where a database will be, and makes none', async () => {
    const findings = await examine(sound(), null);
    expect(findings).toContainEqual({ state: 'warning', text: expect.stringContaining(join(folder, 'c.db')) });
    expect(findings.map((finding) => finding.state)).not.toContain('problem');
    expect(await readdir(folder)).toEqual([]);
  });

  it('reads the keys that sign', async () => {
    const [signingKeyFile, keyFile] = [join(folder, 'ledger.pem'), join(folder, 'federation.pem')];
    const peer = { name: 'B', publicKey: 'A'.repeat(43) + '=', agreementFile: join(folder, 'none.json') };
    const options = { ...sound(), signingKeyFile, federation: { keyFile, peers: [peer] } };
    // A folder in its place cannot be read by anybody, not even by root.
    await mkdir(signingKeyFile);
    await writeFile(keyFile, 'no key');
    const problems = (await examine(options as CoordinatorOptions, null)).filter(({ state }) => state === 'problem');
    expect(problems.map(({ text }) => text)).toEqual([
      expect.stringContaining(`${signingKeyFile} cannot be read`),
      expect.stringContaining(keyFile),
    ]);
  });

  it.each([
    ['its owner alone', 0o600, 1000, false],
    ['a group root gave it to', 0o640, 0, false],
    ['a group of another owner', 0o640, 1000, true],
    ['a group that may write', 0o660, 0, true],
    ['everybody', 0o644, 0, true],
  ])('knows whether a file is open to others: %s', (_who, mode, uid, isOpen) => {
    expect(isOpenToOthers({ mode, uid })).toBe(isOpen && process.platform !== 'win32');
  });
});

describe('secrets', () => {
  const config = readConfig({
    accessToken: 'the-access-token',
    databaseUrl: 'postgresql://tore:p%40ss-word@db/tore',
    metricsToken: 'the-metrics-token',
  });
  if (!config.ok) throw new Error(config.error.message);

  it('are not shown with the settings', () => {
    const shown = JSON.stringify(shownSettings(config.value));
    for (const secret of ['the-access-token', 'ss-word', 'the-metrics-token']) expect(shown).not.toContain(secret);
  });

  it('reach no log, wherever they stand', () => {
    const lines: string[] = [];
    const logger = createServiceLogger(config.value, { write: (line) => lines.push(line) });
    const error = Object.assign(new Error('refused Bearer the-access-token at postgresql://tore:p%40ss-word@db/tore'), {
      parameters: ['a private prompt'],
      cause: new Error('password p@ss-word is wrong'),
    });
    logger.error({ err: error, headers: { authorization: 'Bearer other-secret' } }, 'the-metrics-token was used');
    logger.info({ request: { headers: { cookie: 'other-secret' } }, prompt: 'a private prompt' }, 'x');
    const text = lines.join('');
    for (const secret of ['the-access-token', 'ss-word', 'the-metrics-token', 'other-secret', 'a private prompt']) {
      expect(text).not.toContain(secret);
    }
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', err: { type: 'Error' } });
  });
});
