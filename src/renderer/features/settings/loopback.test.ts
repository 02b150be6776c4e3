import { describe, expect, it } from 'vitest';
import { isLoopback } from './loopback';

describe('isLoopback', () => {
  it.each(['http://127.0.0.1:7000', 'ws://localhost/ws', 'http://[::1]:80/', 'http://127.1/'])(
    'keeps %s on this computer',
    (url) => expect(isLoopback(url)).toBe(true),
  );

  it.each(['http://192.168.1.4:7000', 'https://localhost.example.org', 'http://127.0.0.1.example.org', 'no url'])(
    'does not take %s for this computer',
    (url) => expect(isLoopback(url)).toBe(false),
  );
});
