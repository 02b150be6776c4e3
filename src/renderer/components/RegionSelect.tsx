import { Select } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { regionOptions } from './regions';

interface RegionSelectProps {
  readonly value: string | null;
  readonly onChange: (region: string | null) => void;
  /** Shown above the field; where a heading stands beside it, it only names the field for screen readers. */
  readonly label: string;
  readonly labelHidden?: boolean;
  readonly description?: string;
}

/** A country, or nothing. */
export function RegionSelect({ value, onChange, label, labelHidden = false, description }: RegionSelectProps) {
  const { t, i18n } = useTranslation();
  const options = useMemo(() => regionOptions(i18n.language, value), [i18n.language, value]);
  return (
    <Select
      {...(labelHidden ? { 'aria-label': label } : { label, description })}
      placeholder={t('settings.region.placeholder')}
      data={options}
      value={value}
      onChange={onChange}
      searchable
      clearable
      nothingFoundMessage={t('settings.region.nothing')}
      comboboxProps={{ transitionProps: { duration: 100 } }}
      data-testid="region-select"
    />
  );
}
