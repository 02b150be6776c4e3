import { SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { MEMORY_BUDGET_MB } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { NumberField } from '../../components/NumberField';
import { SavedSwitch } from '../../components/SavedSwitch';
import { Section } from '../../components/Section';
import { SettingRow } from '../../components/SettingRow';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Contribute.module.css';
import { PrecisionField } from './PrecisionField';

/** The largest number of threads the settings take. */
const MOST_THREADS = 1_024;

function ThreadsControl() {
  const { t } = useTranslation();
  const threads = useSnapshot(({ settings }) => settings.contribution.cpuThreads);
  const cores = useSnapshot(({ node }) => node.hardware?.cpuCores ?? null);
  const most = cores ?? MOST_THREADS;
  return (
    <div className={classes.threads}>
      <SegmentedControl
        size="xs"
        aria-label={t('contribute.limits.threads')}
        value={threads === null ? 'automatic' : 'fixed'}
        onChange={(kind) =>
          void changeSettings({
            contribution: { cpuThreads: kind === 'automatic' ? null : Math.max(1, Math.floor((cores ?? 2) / 2)) },
          })
        }
        data={[
          { value: 'automatic', label: t('contribute.limits.threadsAutomatic') },
          { value: 'fixed', label: t('contribute.limits.threadsFixed') },
        ]}
      />
      {threads !== null && (
        <NumberField
          label={t('contribute.limits.threadsCount')}
          labelHidden
          value={threads}
          minimum={1}
          maximum={most}
          error={t('chat.outside', { minimum: '1', maximum: formatCount(most) })}
          onCommit={(cpuThreads) => changeSettings({ contribution: { cpuThreads } })}
        />
      )}
    </div>
  );
}

/** How much of this computer may be used. */
export function LimitsCard() {
  const { t } = useTranslation();
  const { memoryBudgetMb, directLinks } = useSnapshot(({ settings }) => settings.contribution);
  return (
    <Section title={t('contribute.limits.title')}>
      <div>
        <SettingRow title={t('contribute.limits.memory')} hint={t('contribute.limits.memoryHint')}>
          <NumberField
            label={t('contribute.limits.memory')}
            labelHidden
            value={memoryBudgetMb}
            minimum={MEMORY_BUDGET_MB.minimum}
            maximum={MEMORY_BUDGET_MB.maximum}
            step={256}
            suffix=" MB"
            error={t('contribute.limits.memoryError', {
              minimum: formatCount(MEMORY_BUDGET_MB.minimum),
              maximum: formatCount(MEMORY_BUDGET_MB.maximum),
            })}
            onCommit={async (value) =>
              value !== null && (await changeSettings({ contribution: { memoryBudgetMb: value } }))
            }
          />
        </SettingRow>
        <PrecisionField />
        <SettingRow title={t('contribute.limits.direct')} hint={t('contribute.limits.directHint')}>
          <SavedSwitch
            label={t('contribute.limits.direct')}
            checked={directLinks}
            onSave={(checked) => changeSettings({ contribution: { directLinks: checked } })}
            testId="direct-links"
          />
        </SettingRow>
        <SettingRow title={t('contribute.limits.threads')} hint={t('contribute.limits.threadsHint')}>
          <ThreadsControl />
        </SettingRow>
      </div>
    </Section>
  );
}
