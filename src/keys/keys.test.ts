import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCryptography, signerOfSeed } from './ed25519';
import { openBackup, sealBackup } from './key-backup';
import { fingerprintWords, seedOfWords, wordsOfSeed } from './key-words';

const facts = { publicKey: 'A'.repeat(43) + '=', createdAt: '2026-03-01T10:00:00.000Z' };

describe('signerOfSeed', () => {
  it('makes the keys of RFC 8032, section 7.1', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const signer = signerOfSeed(seed);
    expect(Buffer.from(signer.publicKey, 'base64').toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    expect(Buffer.from(signer.sign(''), 'base64').toString('hex')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    expect(nodeCryptography.verify(signer.publicKey, '', signer.sign(''))).toBe(true);
  });
});

describe('words', () => {
  it('are those of BIP 39', () => {
    expect(wordsOfSeed(new Uint8Array(32))).toBe(`${'abandon '.repeat(23)}art`);
  });

  it('give the seed back, whatever case and spacing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const read = seedOfWords(`  ${wordsOfSeed(seed).toUpperCase().replaceAll(' ', '\n ')} `);
        expect(read.ok && [...read.value]).toEqual([...seed]);
      }),
    );
  });

  it('are refused with the reason when they are wrong', () => {
    const words = wordsOfSeed(new Uint8Array(32).fill(7)).split(' ');
    expect(seedOfWords(words.slice(1).join(' '))).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('23') as string },
    });
    expect(seedOfWords(['tore', ...words.slice(1)].join(' '))).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('Word 1 ') as string },
    });
    const swapped = [words[1], words[0], ...words.slice(2)].join(' ');
    expect(seedOfWords(swapped).ok && seedOfWords(swapped)).toBe(false);
  });

  it('tell public keys apart', () => {
    const [first, second] = [1, 2].map((fill) => signerOfSeed(new Uint8Array(32).fill(fill)).publicKey);
    expect(fingerprintWords(first ?? '').split(' ')).toHaveLength(12);
    expect(fingerprintWords(first ?? '')).not.toBe(fingerprintWords(second ?? ''));
  });
});

describe('a backup', () => {
  it('opens with its passphrase and with no other', async () => {
    const sealed = await sealBackup('the secret', 'correct horse battery', facts);
    if (!sealed.ok) throw new Error(sealed.error.message);
    expect(sealed.value).not.toContain('secret');
    expect(await openBackup(sealed.value, 'correct horse battery')).toEqual({ ok: true, value: 'the secret' });
    expect(await openBackup(sealed.value, 'correct horse batterY')).toMatchObject({
      error: { code: 'passphrase-wrong' },
    });
  });

  it('breaks when any part of it is changed', async () => {
    const sealed = await sealBackup('the secret', 'correct horse battery', facts);
    if (!sealed.ok) throw new Error(sealed.error.message);
    const other = sealed.value.replace(facts.createdAt, '2026-03-02T10:00:00.000Z');
    expect(await openBackup(other, 'correct horse battery')).toMatchObject({ error: { code: 'passphrase-wrong' } });
    const costly = sealed.value.replace('131072', '1073741824');
    expect(await openBackup(costly, 'correct horse battery')).toMatchObject({ error: { code: 'backup-invalid' } });
  });

  it('is not made with a passphrase that can be guessed, nor read from another file', async () => {
    expect(await sealBackup('x', 'short', facts)).toMatchObject({ error: { code: 'passphrase-short' } });
    expect(await openBackup('{"type":"other"}', 'correct horse')).toMatchObject({ error: { code: 'backup-invalid' } });
    expect(await openBackup('not json', 'correct horse')).toMatchObject({ error: { code: 'backup-invalid' } });
  });
});
