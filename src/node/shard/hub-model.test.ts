import { describe, expect, it } from 'vitest';
import { hubFolderName, readHubName } from './hub-model';

describe('names of models of a hub', () => {
  it.each([
    ['hub:a/b', { repository: 'a/b' }],
    ['hub:a/b-1.5@v2', { repository: 'a/b-1.5', revision: 'v2' }],
    ['hub:a/b#q4.gguf', { repository: 'a/b', file: 'q4.gguf' }],
    ['hub:a/b@refs/pr/1#x/q4.gguf', { repository: 'a/b', revision: 'refs/pr/1', file: 'x/q4.gguf' }],
  ])('are read: %s', (text, name) => {
    expect(readHubName(text)).toEqual(name);
  });

  it.each(['a/b', 'hub:', 'hub:a', 'hub:/b', 'hub:a/', 'hub:a/b@', 'hub:a/b c'])('are told from others: %s', (text) => {
    expect(readHubName(text)).toBeNull();
  });

  it('give folders of their own', () => {
    const names = [
      hubFolderName({ repository: 'a/b' }),
      hubFolderName({ repository: 'a/b', revision: 'v2' }),
      hubFolderName({ repository: 'a/b', file: 'x.gguf' }),
      hubFolderName({ repository: 'a/b', endpoint: 'https://hub.example' }),
      hubFolderName({ repository: 'a-b/c' }),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^[A-Za-z0-9_-]+$/.test(name))).toBe(true);
  });
});
