import { Tabs } from '@mantine/core';
import { IconAdjustments, IconServer2, IconStack2, type Icon } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Screen } from '../../components/Screen';
import { CONTRIBUTE_TABS, showContributeTab, useUiStore, type ContributeTab } from '../../stores/ui-store';
import { HostsTab } from '../hosts/HostsTab';
import { ModelsTab } from '../models/ModelsTab';
import classes from './Contribute.module.css';
import { DevicesCard } from './DevicesCard';
import { HardwareCard } from './HardwareCard';
import { LimitsCard } from './LimitsCard';
import { PolicyCard } from './PolicyCard';
import { PolicyRules } from './PolicyRules';

const ICONS: Record<ContributeTab, Icon> = { rules: IconAdjustments, models: IconStack2, computers: IconServer2 };

function RulesTab() {
  return (
    <>
      <DevicesCard />
      <PolicyCard />
      <LimitsCard />
      <PolicyRules />
      <HardwareCard />
    </>
  );
}

const CONTENTS: Record<ContributeTab, () => React.JSX.Element> = {
  rules: RulesTab,
  models: ModelsTab,
  computers: HostsTab,
};

/** What this computer gives, and how much. */
export function Contribute() {
  const { t } = useTranslation();
  const tab = useUiStore(({ contributeTab }) => contributeTab);
  const pick = (value: string | null): void => {
    const picked = CONTRIBUTE_TABS.find((name) => name === value);
    if (picked !== undefined) showContributeTab(picked);
  };
  return (
    <Screen help="rules" title={t('contribute.title')} lead={t('contribute.lead')}>
      <Tabs value={tab} onChange={pick} keepMounted={false}>
        <Tabs.List aria-label={t('contribute.tabs')} className={classes.tabs ?? ''}>
          {CONTRIBUTE_TABS.map((name) => {
            const Shape = ICONS[name];
            return (
              <Tabs.Tab
                key={name}
                value={name}
                data-testid={`contribute-tab-${name}`}
                leftSection={<Shape size={16} stroke={1.5} aria-hidden="true" />}
              >
                {t(`contribute.tab.${name}`)}
              </Tabs.Tab>
            );
          })}
        </Tabs.List>
        {CONTRIBUTE_TABS.map((name) => {
          const Content = CONTENTS[name];
          return (
            <Tabs.Panel key={name} value={name} className={classes.panel ?? ''}>
              <Content />
            </Tabs.Panel>
          );
        })}
      </Tabs>
    </Screen>
  );
}
