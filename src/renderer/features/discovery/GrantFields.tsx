import { NumberInput, Select, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import classes from './Discovery.module.css';
import type { GrantDraft } from './grant-draft';

interface GrantFieldsProps {
  /** What is served by whom. */
  readonly label: string;
  readonly draft: GrantDraft;
  readonly unit: string;
  readonly testId: string;
  readonly onChange: (draft: GrantDraft) => void;
}

/** What the coordinator of one party serves the other's. */
export function GrantFields({ label, draft, unit, testId, onChange }: GrantFieldsProps) {
  const { t } = useTranslation();
  const set = (change: Partial<GrantDraft>): void => onChange({ ...draft, ...change });
  const optional = t('discovery.key.optional');
  return (
    <div className={classes.stack}>
      <Select
        label={label}
        allowDeselect={false}
        data={(['nothing', 'served-whole', 'requester-ends'] as const).map((kind) => ({
          value: kind,
          label: t(`discovery.grant.${kind}`),
        }))}
        value={draft.kind}
        onChange={(kind) => {
          if (kind === 'nothing' || kind === 'served-whole' || kind === 'requester-ends') set({ kind });
        }}
        data-testid={testId}
      />
      {draft.kind !== 'nothing' && (
        <>
          <TextInput
            label={t('discovery.grant.models')}
            description={t('discovery.grant.modelsHint')}
            value={draft.models}
            maxLength={10_000}
            onChange={(event) => set({ models: event.currentTarget.value })}
            data-testid={`${testId}-models`}
          />
          <div className={classes.row}>
            <Limit
              label={t('discovery.grant.perMinute')}
              value={draft.perMinute}
              set={(perMinute) => set({ perMinute })}
            />
            <Limit
              label={t('discovery.grant.newTokens')}
              value={draft.newTokens}
              min={1}
              set={(newTokens) => set({ newTokens })}
            />
            <Limit
              label={t('discovery.grant.amount', { unit })}
              value={draft.amount}
              isWhole={false}
              set={(amount) => set({ amount })}
            />
          </div>
          <div className={classes.row}>
            {(['from', 'to'] as const).map((end) => (
              <TextInput
                key={end}
                className={classes.grow ?? ''}
                type="time"
                label={t(`discovery.grant.${end}`)}
                description={optional}
                value={draft[end]}
                onChange={(event) => set({ [end]: event.currentTarget.value })}
              />
            ))}
          </div>
        </>
      )}
    </div>
  );
}

interface LimitProps {
  readonly label: string;
  readonly value: number | null;
  readonly min?: number;
  readonly isWhole?: boolean;
  readonly set: (value: number | null) => void;
}

function Limit({ label, value, min = 0, isWhole = true, set }: LimitProps) {
  const { t } = useTranslation();
  return (
    <NumberInput
      className={classes.grow ?? ''}
      label={label}
      description={t('discovery.key.optional')}
      value={value ?? ''}
      min={min}
      max={1_000_000}
      allowDecimal={!isWhole}
      clampBehavior="strict"
      onChange={(next) => set(typeof next === 'number' ? next : null)}
    />
  );
}
