import { describe, expect, it } from 'vitest';
import { readSessionLink, writeSessionLink } from './session-link';

const sessionId = '019cb1a0-3c00-7000-8000-000000000002';

describe('links to a session', () => {
  it.each([
    { sessionId, hostUrl: 'https://lab.example.org/tore', code: '0123-abcd-efgh-jkmn' },
    { sessionId, hostUrl: 'http://127.0.0.1:4711', code: null },
    { sessionId, hostUrl: 'http://[::1]:80', code: null },
  ])('are read as they were written: $hostUrl', (link) => {
    expect(readSessionLink(`  ${writeSessionLink(link)}\n`)).toEqual({ ok: true, value: link });
  });

  it.each([
    ['something else', 'https://example.org'],
    ['no session', 'tore://session/?host=https%3A%2F%2Fa.org'],
    ['no host', `tore://session/${sessionId}?code=abcd`],
    ['a file', `tore://session/${sessionId}?host=file%3A%2F%2F%2Fetc%2Fpasswd`],
    ['a script', `tore://session/${sessionId}?host=javascript%3Aalert(1)`],
    ['a password', `tore://session/${sessionId}?host=https%3A%2F%2Fme%3Asecret%40a.org`],
    ['half an escape', `tore://session/${sessionId}?host=%E0%A4`],
    ['a code that is none', `tore://session/${sessionId}?host=https%3A%2F%2Fa.org&code=..%2F`],
    ['a flood', `tore://session/${sessionId}?host=https%3A%2F%2F${'a'.repeat(5_000)}`],
  ])('are refused: %s', (_what, text) => {
    expect(readSessionLink(text)).toMatchObject({ ok: false, error: { code: 'link-invalid' } });
  });
});
