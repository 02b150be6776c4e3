import { Badge, Tabs } from '@mantine/core';
import { IconBell, IconChartBar, IconTimeline, type Icon } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Screen } from '../../components/Screen';
import { useSnapshot } from '../../stores/snapshot-store';
import { showStatistics, STATISTICS_TABS, useUiStore, type StatisticsTab } from '../../stores/ui-store';
import { FiguresTab } from './FiguresTab';
import { LogTab } from './LogTab';
import { NoticesTab } from './NoticesTab';
import classes from './Statistics.module.css';

const ICONS: Readonly<Record<StatisticsTab, Icon>> = {
  figures: IconChartBar,
  log: IconTimeline,
  notices: IconBell,
};
const CONTENT: Readonly<Record<StatisticsTab, () => React.JSX.Element>> = {
  figures: FiguresTab,
  log: LogTab,
  notices: NoticesTab,
};

function isTab(value: string | null): value is StatisticsTab {
  return STATISTICS_TABS.some((tab) => tab === value);
}

/** What this computer did, what happened and why, and what the coordinator had to say. */
export function Statistics() {
  const { t } = useTranslation();
  const tab = useUiStore(({ statisticsTab }) => statisticsTab);
  const unread = useSnapshot(({ unreadNotices }) => unreadNotices.length);
  const Content = CONTENT[tab];
  return (
    <Screen help="statistics" title={t('statistics.title')} lead={t('statistics.lead')}>
      <Tabs value={tab} onChange={(value) => isTab(value) && showStatistics(value)} keepMounted={false}>
        <Tabs.List aria-label={t('statistics.tabs')}>
          {STATISTICS_TABS.map((name) => {
            const Shape = ICONS[name];
            return (
              <Tabs.Tab
                key={name}
                value={name}
                data-testid={`statistics-tab-${name}`}
                leftSection={<Shape size={16} stroke={1.5} aria-hidden="true" />}
                rightSection={
                  name === 'notices' && unread > 0 ? (
                    <Badge size="sm" color="amber" circle aria-label={t('statistics.unread')}>
                      {unread}
                    </Badge>
                  ) : undefined
                }
              >
                {t(`statistics.tab.${name}`)}
              </Tabs.Tab>
            );
          })}
        </Tabs.List>
        <Tabs.Panel value={tab} className={classes.panel ?? ''}>
          <Content />
        </Tabs.Panel>
      </Tabs>
    </Screen>
  );
}
