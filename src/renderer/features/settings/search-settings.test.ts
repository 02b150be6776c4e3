import { describe, expect, it } from 'vitest';
import { matchesSetting } from './search-settings';

const setting = { title: 'Theme', hint: 'Light or dark colours.', keywords: 'appearance night' };

describe('matchesSetting', () => {
  it('finds words in any order, case and field', () => {
    expect(matchesSetting(setting, '')).toBe(true);
    expect(matchesSetting(setting, '  dark THEME ')).toBe(true);
    expect(matchesSetting(setting, 'night')).toBe(true);
    expect(matchesSetting(setting, 'dark region')).toBe(false);
    expect(matchesSetting({ ...setting, title: 'Größe' }, 'grosse')).toBe(false);
    expect(matchesSetting({ ...setting, title: 'Größe' }, 'große')).toBe(true);
  });
});
