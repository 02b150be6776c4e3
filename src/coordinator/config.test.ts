import { describe, expect, it } from 'vitest';
import { readConfig } from './config';

describe('the access token of a coordinator', () => {
  it.each(['a-secret-token', 'YWJjZGVmZ2g=', 'abc.DEF_123~+/'])('may be %s', (accessToken) => {
    expect(readConfig({ databaseFile: ':memory:', accessToken })).toMatchObject({ ok: true, value: { accessToken } });
  });

  it.each(['short', 'has spaces in it', 'líne-breaks\nand-accents'])(
    'is refused when no header carries it: %j',
    (accessToken) => {
      const read = readConfig({ databaseFile: ':memory:', accessToken });
      expect(read.ok).toBe(false);
      expect(JSON.stringify(read)).toContain('accessToken');
      expect(JSON.stringify(read)).not.toContain(accessToken);
    },
  );
});
