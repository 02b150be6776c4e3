import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';

export const GOVERNANCE_MODES = ['anonymous', 'voluntary', 'institution'] as const;
export type Mode = (typeof GOVERNANCE_MODES)[number];

export function isMode(value: string | null): value is Mode {
  return GOVERNANCE_MODES.some((mode) => mode === value);
}

interface ModeSelectProps {
  readonly value: Mode;
  readonly onChange: (mode: Mode) => void;
  readonly className?: string | undefined;
}

/** Governance mode of a record or a handshake, with what it means. */
export function ModeSelect({ value, onChange, className }: ModeSelectProps) {
  const { t } = useTranslation();
  return (
    <Select
      className={className ?? ''}
      label={t('discovery.mode.label')}
      description={t(`discovery.mode.${value}Hint`)}
      allowDeselect={false}
      data={GOVERNANCE_MODES.map((mode) => ({ value: mode, label: t(`discovery.mode.${mode}`) }))}
      value={value}
      onChange={(next) => isMode(next) && onChange(next)}
    />
  );
}
