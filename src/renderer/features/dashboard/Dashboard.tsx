import { useTranslation } from 'react-i18next';
import { Screen } from '../../components/Screen';
import classes from './Dashboard.module.css';
import { EarningsCard } from './EarningsCard';
import { EventsCard } from './EventsCard';
import { NoticesCard } from './NoticesCard';
import { PipelineCard } from './PipelineCard';
import { ReasonsPart } from './ReasonsPart';
import { ReliabilityCard } from './ReliabilityCard';
import { StateCard } from './StateCard';

/** Is it working, if not why, did it help. */
export function Dashboard() {
  const { t } = useTranslation();
  return (
    <Screen title={t('dashboard.title')} titleHidden>
      <NoticesCard />
      <StateCard />
      <PipelineCard />
      <div className={classes.columns}>
        <EarningsCard />
        <ReliabilityCard />
      </div>
      <ReasonsPart />
      <EventsCard />
    </Screen>
  );
}
