import { SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { HELD_PRECISIONS } from '../../../protocol/compute/run-preferences';
import { changeSettings } from '../../app/change-settings';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';

/** How weights are held: as the coordinator suggests, exactly, or in fewer bits. */
export function PrecisionField() {
  const { t } = useTranslation();
  const precision = useSnapshot(({ settings }) => settings.contribution.precision);
  const change = (value: string): void => {
    const chosen = HELD_PRECISIONS.find((known) => known === value) ?? null;
    void changeSettings({ contribution: { precision: chosen } });
  };
  return (
    <SettingRow title={t('contribute.precision.title')} hint={t('contribute.precision.hint')}>
      <SegmentedControl
        size="xs"
        aria-label={t('contribute.precision.title')}
        value={precision ?? 'automatic'}
        onChange={change}
        data={[
          { value: 'automatic', label: t('contribute.precision.automatic') },
          ...HELD_PRECISIONS.map((value) => ({ value, label: t(`contribute.precision.${value}`) })),
        ]}
        data-testid="precision"
      />
    </SettingRow>
  );
}
