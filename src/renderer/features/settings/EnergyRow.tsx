import { useTranslation } from 'react-i18next';
import { FULL_LOAD_WATTS } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { NumberField } from '../../components/NumberField';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';

/** What the processor draws, for the estimate of energy where nothing can be measured. */
export function EnergyRow() {
  const { t } = useTranslation();
  const watts = useSnapshot(({ settings }) => settings.statistics.fullLoadWatts);
  return (
    <SettingRow title={t('settings.energy.title')} hint={t('settings.energy.hint')}>
      <NumberField
        label={t('settings.energy.title')}
        labelHidden
        value={watts}
        optional
        placeholder={t('settings.energy.automatic')}
        suffix=" W"
        {...FULL_LOAD_WATTS}
        error={t('settings.energy.error')}
        onCommit={(fullLoadWatts) => changeSettings({ statistics: { fullLoadWatts } })}
      />
    </SettingRow>
  );
}
