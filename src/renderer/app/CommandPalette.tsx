import { Kbd } from '@mantine/core';
import { Spotlight, spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { allCommands, findCommands, type Command } from './commands';
import classes from './CommandPalette.module.css';

/** With an empty field the list stays short enough to be read; typing finds the rest. */
const MAX_SHOWN = 60;

/** Opens the palette from anywhere. */
export function openPalette(): void {
  spotlight.open();
}

function CommandRow({ command }: { readonly command: Command }) {
  const Shape = command.icon;
  return (
    <Spotlight.Action onClick={command.run} data-testid={`command-${command.id}`}>
      <span className={classes.row}>
        <Shape size={18} stroke={1.5} aria-hidden="true" />
        <span className={classes.text}>
          <span>{command.label}</span>
          {command.description !== undefined && <span className={classes.description}>{command.description}</span>}
        </span>
        {command.shortcut !== undefined && <Kbd className={classes.key ?? ''}>{command.shortcut}</Kbd>}
      </span>
    </Spotlight.Action>
  );
}

/** Everything one can do, found by typing a few letters of it. */
export function CommandPalette() {
  const { t } = useTranslation();
  const [query, setQuery] = useState('');
  const found = findCommands(allCommands(t), query).slice(0, MAX_SHOWN);
  const groups = [...new Set(found.map(({ group }) => group))];
  return (
    <Spotlight.Root
      query={query}
      onQueryChange={setQuery}
      onSpotlightOpen={() => setQuery('')}
      // The window's own keys open it, so that one place knows them all.
      shortcut={null}
      scrollable
      maxHeight={420}
      size={560}
      overlayProps={{ backgroundOpacity: 0.4, blur: 0 }}
      transitionProps={{ duration: 120 }}
    >
      <Spotlight.Search
        placeholder={t('palette.placeholder')}
        aria-label={t('palette.placeholder')}
        leftSection={<IconSearch size={18} stroke={1.5} aria-hidden="true" />}
        data-testid="palette-input"
      />
      <Spotlight.ActionsList>
        {found.length === 0 && <Spotlight.Empty>{t('palette.nothing', { query })}</Spotlight.Empty>}
        {groups.map((group) => (
          <Spotlight.ActionsGroup key={group} label={group}>
            {found
              .filter((command) => command.group === group)
              .map((command) => (
                <CommandRow key={command.id} command={command} />
              ))}
          </Spotlight.ActionsGroup>
        ))}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}
