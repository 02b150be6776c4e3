import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIdentity, verifySignature } from './node-identity';
import { fileSecretStore } from './secret-store';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-identity-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function opened(path: string): Promise<{ publicKey: string; sign(text: string): string }> {
  const identity = await openIdentity(fileSecretStore(path));
  if (!identity.ok) throw new Error(identity.error.message);
  return identity.value;
}

describe('openIdentity', () => {
  it('makes a key once and finds it again', async () => {
    const path = join(folder, 'keys', 'node.key');
    const first = await opened(path);
    const second = await opened(path);
    expect(second.publicKey).toBe(first.publicKey);
    expect(Buffer.from(first.publicKey, 'base64')).toHaveLength(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
  });

  it('signs what its public key verifies, and nothing else', async () => {
    const identity = await opened(join(folder, 'node.key'));
    const signature = identity.sign('tore.v1 connect');
    expect(verifySignature(identity.publicKey, 'tore.v1 connect', signature)).toBe(true);
    expect(verifySignature(identity.publicKey, 'tore.v1 connecT', signature)).toBe(false);
    expect(verifySignature('AAAA', 'tore.v1 connect', signature)).toBe(false);
    const other = await opened(join(folder, 'other.key'));
    expect(verifySignature(other.publicKey, 'tore.v1 connect', signature)).toBe(false);
  });

  it.each([4, 20, 50, 67])('names the file and keeps it when byte %i of the key is damaged', async (index) => {
    const path = join(folder, 'node.key');
    await opened(path);
    const bytes = await readFile(path);
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const result = await openIdentity(fileSecretStore(path));
    expect(result).toMatchObject({ ok: false, error: { code: 'identity-corrupt', retryable: false } });
    expect(!result.ok && result.error.message).toContain(path);
    expect(await readFile(path)).toEqual(bytes);
  });

  it('refuses a truncated and an oversized file', async () => {
    const path = join(folder, 'node.key');
    await writeFile(path, 'short');
    expect(await openIdentity(fileSecretStore(path))).toMatchObject({ ok: false, error: { code: 'identity-corrupt' } });
    await writeFile(path, Buffer.alloc(10_000));
    expect(await openIdentity(fileSecretStore(path))).toMatchObject({
      ok: false,
      error: { code: 'identity-unreadable' },
    });
  });

  it('says when the key cannot be saved', async () => {
    await writeFile(join(folder, 'file'), '');
    const result = await openIdentity(fileSecretStore(join(folder, 'file', 'node.key')));
    expect(result.ok).toBe(false);
  });
});
