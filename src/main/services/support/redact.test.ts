import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from './redact';

const WORDS = {
  homeFolder: '/home/ayse',
  userName: 'ayse',
  hostName: 'ayse-laptop',
  others: ['https://tore.campus.example:8443', 'tore.campus.example', 'Campus of Istanbul', 'TR'],
};
const clean = (text: string): string => new Redactor(WORDS).redact(text);

describe('redaction', () => {
  it.each([
    ['a home folder', 'read /home/ayse/.config/tore/settings.json', 'read <path>'],
    ['another path', '{"path":"/srv/models/secret-project/a.gguf"}', '{"path":"<path>"}'],
    ['a Windows path', String.raw`C:\Users\Ayse\Models\x.gguf is missing`, '<path> is missing'],
    ['a Windows path in JSON', String.raw`{"p":"C:\\Users\\Mehmet\\x.gguf"}`, '{"p":"<path>"}'],
    ['a network share', String.raw`\\\\server\\Ayse Y\\x.gguf is away`.replaceAll('\\\\', '\\'), '<path> is away'],
    ['a name and a computer', 'ayse at ayse-laptop', '<user> at <computer>'],
    ['the coordinator', 'Connected to Campus of Istanbul.', 'Connected to <private>.'],
    ['its address', 'GET https://tore.campus.example:8443/ws failed', 'GET <private>/ws failed'],
    ['another address', 'wss://user:pw@other.example:1/x?token=abc', 'wss://<address>'],
    ['an IPv4 address', 'from 192.168.1.20:51000', 'from <address>:51000'],
    ['an IPv6 address', 'from fe80::1ff:fe23:4567:890a', 'from <address>'],
    ['a mail address', 'write to ayse.y@campus.example', 'write to <email>'],
    ['a bearer token', 'authorization: Bearer eyJhbGciOi.xyz', 'authorization: Bearer <secret>'],
    ['a password', '{"password":"hunter2"}', '{"password":"<secret>"}'],
    ['a key', 'key MCowBQYDK2VwAyEA9f2k1Jx0aQ==', 'key <id-1>'],
  ])('takes out %s', (_what, text, expected) => {
    expect(clean(text)).toBe(expected);
  });

  it.each([
    'Paused: on battery (62 %). Resumes at 14:05.',
    '{"level":30,"time":"2026-11-26T05:58:33.120Z","msg":"the inference engine was started"}',
    'GET /inference/models answered 200',
    'Serving layers 0-7 of tore-tiny over http://127.0.0.1:40123, 42 tokens/s',
    'version 33.2.1, linux x64 6.1.0',
    'Connected over a WebSocket at 12:30:45',
  ])('leaves a sentence alone: %s', (text) => {
    expect(clean(text)).toBe(text);
  });

  it('gives the same id the same number', () => {
    const id = '0190f3c2-1111-7222-8333-444455556666';
    const other = '0190f3c2-aaaa-7222-8333-444455556666';
    expect(clean(`${id} then ${other} then ${id}`)).toBe('<id-1> then <id-2> then <id-1>');
  });

  it('lets no secret through, wherever it stands', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{32,64}$/).filter((text) => /\d/.test(text));
    const address = fc.ipV4().filter((text) => !text.startsWith('127.') && text !== '0.0.0.0');
    const path = fc
      .tuple(
        fc.constantFrom('home', 'srv', 'Users'),
        fc.stringMatching(/^[a-z]{3,10}$/),
        fc.stringMatching(/^[a-z]{3,8}$/),
      )
      .map((parts) => `/${parts.join('/')}`);
    const around = fc.constantFrom(' ', '"', "'", ', ', ': ', ' (', '\n');
    fc.assert(
      fc.property(fc.oneof(hex, address, path), around, around, (secret, before, after) => {
        expect(clean(`it said${before}${secret}${after}and went on`)).not.toContain(secret);
      }),
    );
  });
});
