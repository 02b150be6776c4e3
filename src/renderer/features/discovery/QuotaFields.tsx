import { NumberInput, Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import classes from './Discovery.module.css';
import { QUOTA_WINDOWS, useWindowText, type QuotaWindow } from './use-window-text';

export interface Quota {
  readonly count: number;
  readonly windowSeconds: number;
}

export const DEFAULT_QUOTA: Quota = { count: 5, windowSeconds: QUOTA_WINDOWS.day };

interface QuotaFieldsProps {
  readonly quota: Quota;
  readonly onChange: (quota: Quota) => void;
}

/** How many challenges are taken, in which time. */
export function QuotaFields({ quota, onChange }: QuotaFieldsProps) {
  const { t } = useTranslation();
  const windowText = useWindowText();
  return (
    <div className={classes.row}>
      <NumberInput
        className={classes.grow ?? ''}
        label={t('discovery.propose.quota')}
        description={t('discovery.propose.quotaHint')}
        value={quota.count}
        min={0}
        max={200}
        allowDecimal={false}
        clampBehavior="strict"
        onChange={(value) => onChange({ ...quota, count: typeof value === 'number' ? value : 0 })}
      />
      <Select
        className={classes.grow ?? ''}
        label={t('discovery.propose.window')}
        allowDeselect={false}
        data={(Object.keys(QUOTA_WINDOWS) as QuotaWindow[]).map((name) => ({
          value: String(QUOTA_WINDOWS[name]),
          label: windowText(QUOTA_WINDOWS[name]),
        }))}
        value={String(quota.windowSeconds)}
        onChange={(value) => onChange({ ...quota, windowSeconds: Number(value) })}
      />
    </div>
  );
}
