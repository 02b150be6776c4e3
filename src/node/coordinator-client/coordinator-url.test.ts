import { describe, expect, it } from 'vitest';
import { modelPath, parseCoordinatorUrl } from './coordinator-url';

describe('parseCoordinatorUrl', () => {
  it.each([
    ['http://127.0.0.1:7410', 'http://127.0.0.1:7410', 'ws://127.0.0.1:7410/ws'],
    ['https://tore.example.org/', 'https://tore.example.org', 'wss://tore.example.org/ws'],
    ['ws://host:80/ws', 'http://host', 'ws://host/ws'],
    ['wss://host/coop/ws/', 'https://host/coop', 'wss://host/coop/ws'],
    ['  https://host/coop//  ', 'https://host/coop', 'wss://host/coop/ws'],
    ['tore.example.org', 'https://tore.example.org', 'wss://tore.example.org/ws'],
    ['localhost:7410', 'http://localhost:7410', 'ws://localhost:7410/ws'],
    ['[::1]:7410', 'http://[::1]:7410', 'ws://[::1]:7410/ws'],
  ])('%s', (text, base, webSocket) => {
    expect(parseCoordinatorUrl(text)).toEqual({ ok: true, value: { base, webSocket } });
  });

  it.each([
    '',
    '   ',
    'ftp://host',
    'https://',
    'https://user:secret@host',
    'https://host/?x=1',
    'https://host/#x',
    'x'.repeat(3_000),
    'https://ho st',
  ])('refuses %s', (text) => {
    const result = parseCoordinatorUrl(text);
    expect(result).toMatchObject({ ok: false, error: { code: 'coordinator-url-invalid' } });
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  it('escapes a model id but for its slashes', () => {
    expect(modelPath('org/model name?x')).toBe('org/model%20name%3Fx');
  });
});
