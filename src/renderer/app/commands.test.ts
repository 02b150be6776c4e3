import { IconHome } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { describe, expect, it } from 'vitest';
import { allCommands, findCommands, registerCommands, type Command } from './commands';

const t = ((key: string) => key) as unknown as TFunction;
const command = (id: string, label: string, more: Partial<Command> = {}): Command => ({
  id,
  group: 'Go to',
  label,
  icon: IconHome,
  run: () => undefined,
  ...more,
});

describe('registerCommands', () => {
  it('collects the commands of all features until they leave', () => {
    const end = registerCommands('one', () => [command('one:a', 'A')]);
    const endOther = registerCommands('other', () => [command('other:b', 'B')]);
    expect(allCommands(t).map(({ id }) => id)).toEqual(['one:a', 'other:b']);
    registerCommands('one', () => [command('one:c', 'C')]);
    end();
    expect(allCommands(t).map(({ id }) => id)).toEqual(['one:c', 'other:b']);
    endOther();
    expect(allCommands(t).map(({ id }) => id)).toEqual(['one:c']);
  });
});

describe('findCommands', () => {
  const commands = [
    command('a', 'Pause for 1 hour', { keywords: 'snooze stop' }),
    command('b', 'Hour report'),
    command('c', 'Größe', { description: 'Memory for layers' }),
  ];
  const found = (query: string): string =>
    findCommands(commands, query)
      .map(({ id }) => id)
      .join('');

  it('keeps all for an empty query and finds words in any order, case and field', () => {
    expect(found(' ')).toBe('abc');
    expect(found('HOUR pause')).toBe('a');
    expect(found('snooze')).toBe('a');
    expect(found('layers')).toBe('c');
    expect(found('große')).toBe('c');
    expect(found('layers pause')).toBe('');
  });

  it('puts labels that begin with the query first', () => {
    expect(found('hour')).toBe('ba');
  });
});
