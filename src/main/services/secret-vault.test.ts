import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../contract/settings';
import { RecordingLog } from '../test-doubles/recording-log';
import { AccessTokens } from './access-tokens';
import { CoordinatorService } from './coordinator-service';
import { Invitations } from './invitations';
import { encryptsSecrets, SecretVault, type KeyStore } from './secret-vault';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-secrets-'));
  path = join(folder, 'secrets.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Reverses the text; locked, it refuses to decrypt. */
function keyStore(options: { available?: boolean; backend?: string; locked?: boolean } = {}): KeyStore {
  const reverse = (text: string): string => [...text].reverse().join('');
  return {
    isEncryptionAvailable: () => options.available ?? true,
    getSelectedStorageBackend: () => options.backend ?? 'gnome_libsecret',
    encryptString: (plain) => Buffer.from(reverse(plain)),
    decryptString: (encrypted) => {
      if (options.locked === true) throw new Error('locked');
      return reverse(encrypted.toString());
    },
  };
}

async function open(store: KeyStore = keyStore(), log = new RecordingLog()) {
  return SecretVault.open(path, store, { platform: 'linux', nowMs: 0, log });
}

describe('encryptsSecrets', () => {
  it('does not take the fixed key of Linux without a key ring for encryption', () => {
    expect(encryptsSecrets(keyStore({ backend: 'basic_text' }), 'linux')).toBe(false);
    expect(encryptsSecrets(keyStore({ backend: 'unknown' }), 'linux')).toBe(false);
    expect(encryptsSecrets(keyStore({ backend: 'kwallet5' }), 'linux')).toBe(true);
    expect(encryptsSecrets(keyStore({ backend: 'basic_text' }), 'darwin')).toBe(true);
    expect(encryptsSecrets(keyStore({ available: false }), 'darwin')).toBe(false);
  });
});

describe('SecretVault', () => {
  it('keeps secrets over a restart, encrypted', async () => {
    const { vault } = await open();
    expect(vault.read('name')).toEqual({ ok: true, value: null });
    await vault.write('name', 'the-secret');
    expect(await readFile(path, 'utf8')).not.toContain('the-secret');
    const { vault: again, notice } = await open();
    expect(again.read('name')).toEqual({ ok: true, value: 'the-secret' });
    expect(notice).toBeNull();
  });

  it('keeps them readable by their owner only where nothing encrypts', async () => {
    const { vault } = await open(keyStore({ backend: 'basic_text' }));
    expect(vault.encrypted).toBe(false);
    await vault.write('name', 'the-secret');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await open(keyStore({ available: false }))).vault.read('name')).toEqual({ ok: true, value: 'the-secret' });
  });

  it('loses none of several writes at once, and removes', async () => {
    const { vault } = await open();
    await Promise.all([vault.write('a', '1'), vault.write('b', '2'), vault.write('c', '3'), vault.remove('a')]);
    const { vault: again } = await open();
    expect([again.has('a'), again.read('b'), again.read('c')]).toEqual([
      false,
      { ok: true, value: '2' },
      { ok: true, value: '3' },
    ]);
  });

  it('keeps a secret that a locked key store cannot decrypt, and logs nothing of it', async () => {
    await (await open()).vault.write('name', 'the-secret');
    const before = await readFile(path, 'utf8');
    const log = new RecordingLog();
    const { vault } = await open(keyStore({ locked: true }), log);
    expect(vault.read('name')).toMatchObject({ ok: false, error: { code: 'secret-unreadable', retryable: true } });
    expect(await readFile(path, 'utf8')).toBe(before);
    expect(JSON.stringify(log.lines)).not.toContain('terces');
  });

  it('keeps a damaged file aside', async () => {
    await writeFile(path, '{"formatVersion": 1, "secr');
    const { vault, notice } = await open();
    expect(vault.has('name')).toBe(false);
    expect(notice).toContain('secrets.broken-');
    expect(await readdir(folder)).toEqual(['secrets.broken-1970-01-01T00-00-00-000Z.json']);
  });
});

describe('AccessTokens', () => {
  const at = (url: string) => ({ kind: 'remote', url }) as const;

  it('makes the embedded token once', async () => {
    const first = await new AccessTokens((await open()).vault).embedded();
    const second = await new AccessTokens((await open()).vault).embedded();
    expect(first).toEqual(second);
    expect(first.ok && Buffer.from(first.value, 'base64url')).toHaveLength(32);
  });

  it('never gives a token to another host than it was entered for', async () => {
    const tokens = new AccessTokens((await open()).vault);
    await tokens.set('https://one.example/tore', 'secret');
    expect(tokens.of('https://one.example')).toEqual({ ok: true, value: 'secret' });
    expect(tokens.of('wss://one.example/ws')).toEqual({ ok: true, value: 'secret' });
    for (const other of ['https://two.example', 'http://one.example', 'https://one.example:8443']) {
      expect(tokens.of(other)).toEqual({ ok: true, value: null });
      expect(tokens.has(at(other))).toBe(false);
    }
  });

  it('keeps a token for the host it names, whatever refused one before', async () => {
    const { vault } = await open();
    const accessTokens = new AccessTokens(vault);
    const refusing = createServer((_request, response) => response.writeHead(401).end());
    await new Promise<void>((listening) => void refusing.listen(0, '127.0.0.1', listening));
    const refused = `http://127.0.0.1:${String((refusing.address() as AddressInfo).port)}`;
    const coordinators = new CoordinatorService({
      embedded: { state: { kind: 'off' }, start: () => {}, stop: async () => {}, restart: async () => {} },
      accessTokens,
      invitations: new Invitations(vault),
      embeddedToken: 'embedded',
      settings: DEFAULT_SETTINGS,
      onTarget: () => undefined,
      nodeCommand: () => '',
    });
    try {
      expect(await coordinators.check(refused)).toMatchObject({ error: { code: 'coordinator-unauthorized' } });
      await accessTokens.set('https://session-host.example', 'for the session');
      expect(accessTokens.boundTo(refused)).toBeNull();
      expect(accessTokens.boundTo('https://session-host.example')).toBe('for the session');
    } finally {
      await new Promise((closed) => refusing.close(closed));
    }
  });

  it('forgets a token', async () => {
    const tokens = new AccessTokens((await open()).vault);
    await tokens.set('https://one.example', 'secret');
    expect(tokens.has(at('https://one.example'))).toBe(true);
    await tokens.set('https://one.example', null);
    expect(tokens.has(at('https://one.example'))).toBe(false);
  });
});
