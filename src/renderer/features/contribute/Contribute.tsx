import { useTranslation } from 'react-i18next';
import { Screen } from '../../components/Screen';
import classes from './Contribute.module.css';
import { HardwareCard } from './HardwareCard';
import { LayerChoiceCard } from './LayerChoiceCard';
import { LimitsCard } from './LimitsCard';
import { DevicesCard } from './DevicesCard';
import { ModelCard } from './ModelCard';
import { PolicyCard } from './PolicyCard';
import { PolicyRules } from './PolicyRules';
import { ShardCard } from './ShardCard';

/** What this computer gives, and how much. */
export function Contribute() {
  const { t } = useTranslation();
  return (
    <Screen title={t('contribute.title')} lead={t('contribute.lead')}>
      <DevicesCard />
      <PolicyCard />
      <ShardCard />
      <div className={classes.columns}>
        <ModelCard />
        <LayerChoiceCard />
      </div>
      <LimitsCard />
      <PolicyRules />
      <HardwareCard />
    </Screen>
  );
}
