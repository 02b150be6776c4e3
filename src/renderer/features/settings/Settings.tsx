import { TextInput } from '@mantine/core';
import { IconSearch, IconSearchOff } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { Screen } from '../../components/Screen';
import { Section } from '../../components/Section';
import { matchesSetting } from './search-settings';
import { SETTING_GROUPS, useSettingItems } from './setting-items';
import classes from './Settings.module.css';

/** Everything that can be set, in groups, found by a word. */
export function Settings() {
  const { t } = useTranslation();
  const [query, setQuery] = useState('');
  const items = useSettingItems().filter((item) => matchesSetting(item, query));
  return (
    <Screen
      title={t('settings.title')}
      lead={t('settings.lead')}
      actions={
        <TextInput
          className={classes.search ?? ''}
          type="search"
          aria-label={t('settings.search')}
          placeholder={t('settings.search')}
          leftSection={<IconSearch size={16} stroke={1.5} aria-hidden="true" />}
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          data-testid="settings-search"
        />
      }
    >
      {items.length === 0 && (
        <EmptyState icon={IconSearchOff} title={t('settings.noMatchTitle', { query })}>
          {t('settings.noMatch')}
        </EmptyState>
      )}
      {SETTING_GROUPS.map((group) => {
        const members = items.filter((item) => item.group === group);
        if (members.length === 0) return null;
        return (
          <Section key={group} title={t(`settings.groups.${group}`)}>
            <div>
              {members.map(({ name, Row }) => (
                <Row key={name} />
              ))}
            </div>
          </Section>
        );
      })}
    </Screen>
  );
}
