import { useTranslation } from 'react-i18next';
import { Screen } from '../../components/Screen';
import classes from './Contribute.module.css';
import { HardwareCard } from './HardwareCard';
import { LayerChoiceCard } from './LayerChoiceCard';
import { LimitsCard } from './LimitsCard';
import { ModelCard } from './ModelCard';
import { ShardCard } from './ShardCard';

/** What this computer gives, and how much. */
export function Contribute() {
  const { t } = useTranslation();
  return (
    <Screen title={t('contribute.title')} lead={t('contribute.lead')}>
      <ShardCard />
      <div className={classes.columns}>
        <ModelCard />
        <LayerChoiceCard />
      </div>
      <LimitsCard />
      <HardwareCard />
    </Screen>
  );
}
