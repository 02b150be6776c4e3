import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ANSWERED_BY, type ChatSettings } from '../../contract';
import { changeSettings } from '../app/change-settings';
import { formatCount } from '../format/numbers';
import { useSnapshot } from '../stores/snapshot-store';
import classes from './GenerationFields.module.css';
import { NumberField } from './NumberField';

interface FieldRange {
  readonly name: Exclude<keyof ChatSettings, 'answeredBy'>;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly decimals: number;
}

/** The ranges the settings schema takes. */
const FIELDS: readonly FieldRange[] = [
  { name: 'maxNewTokens', minimum: 1, maximum: 32_768, step: 16, decimals: 0 },
  { name: 'temperature', minimum: 0, maximum: 2, step: 0.1, decimals: 2 },
  { name: 'topK', minimum: 0, maximum: 1_000, step: 1, decimals: 0 },
  { name: 'topP', minimum: 0.01, maximum: 1, step: 0.05, decimals: 2 },
  { name: 'seed', minimum: 0, maximum: 4_294_967_295, step: 1, decimals: 0 },
];

/** How answers are sampled; kept as the default of every new question. */
export function GenerationFields() {
  const { t } = useTranslation();
  const chat = useSnapshot(({ settings }) => settings.chat);
  return (
    <div className={classes.fields}>
      {FIELDS.map(({ name, minimum, maximum, step, decimals }) => (
        <NumberField
          key={name}
          label={t(`chat.${name}`)}
          description={t(`chat.${name}Hint`)}
          value={chat[name]}
          minimum={minimum}
          maximum={maximum}
          step={step}
          decimals={decimals}
          optional={name === 'seed'}
          placeholder={name === 'seed' ? t('chat.seedPlaceholder') : ''}
          error={t('chat.outside', {
            minimum: decimals > 0 ? String(minimum) : formatCount(minimum),
            maximum: decimals > 0 ? String(maximum) : formatCount(maximum),
          })}
          testId={`generation-${name}`}
          onCommit={(value) => changeSettings({ chat: { [name]: value } })}
        />
      ))}
      <Select
        label={t('chat.answeredBy')}
        description={t('chat.answeredByHint')}
        data={ANSWERED_BY.map((value) => ({ value, label: t(`chat.answeredByChoice.${value}`) }))}
        value={chat.answeredBy}
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
        data-testid="generation-answeredBy"
        onChange={(value) => {
          const answeredBy = ANSWERED_BY.find((known) => known === value);
          if (answeredBy !== undefined) void changeSettings({ chat: { answeredBy } });
        }}
      />
    </div>
  );
}
