import { UnstyledButton } from '@mantine/core';
import { IconCheck, IconCircleCheckFilled, IconPlayerPauseFilled } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { PRESET_NAMES, PRESETS, presetOf, type PresetName } from '../../../protocol/compute/run-presets';
import { changeSettings } from '../../app/change-settings';
import { pauseReasonText } from '../../app/pause-reason-text';
import { Section } from '../../components/Section';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { usePolicyPreview } from '../../stores/use-policy';
import classes from './Devices.module.css';

interface PresetButtonProps {
  readonly name: PresetName;
  readonly chosen: boolean;
}

function PresetButton({ name, chosen }: PresetButtonProps) {
  const { t } = useTranslation();
  const nowMs = useNow(30_000);
  const { policy, pauseOnBattery } = PRESETS[name];
  const preview = usePolicyPreview(policy, pauseOnBattery);
  return (
    <UnstyledButton
      className={classes.preset}
      role="radio"
      aria-checked={chosen}
      onClick={() => void changeSettings({ policy, contribution: { pauseOnBattery } })}
      data-testid={`preset-${name}`}
    >
      <span className={classes.presetName}>
        {t(`policy.when.${name}`)}
        {chosen && <IconCheck size={18} stroke={2} aria-hidden="true" />}
      </span>
      <span className={classes.presetHint}>{t(`policy.when.${name}Hint`)}</span>
      <span className={classes.whatIf} data-testid={`what-if-${name}`}>
        {preview === null
          ? '\u00a0'
          : preview.reason === null
            ? t('policy.when.wouldRun')
            : t('policy.when.wouldPause', { reason: pauseReasonText(t, preview.reason, nowMs) })}
      </span>
    </UnstyledButton>
  );
}

/** Three ready-made answers, each with what it would do right now. */
export function PolicyCard() {
  const { t } = useTranslation();
  const nowMs = useNow(30_000);
  const policy = useSnapshot(({ settings }) => settings.policy);
  const pauseOnBattery = useSnapshot(({ settings }) => settings.contribution.pauseOnBattery);
  const chosen = presetOf(policy, pauseOnBattery);
  const now = usePolicyPreview({}, pauseOnBattery);
  const Shape = now?.reason === null ? IconCircleCheckFilled : IconPlayerPauseFilled;
  return (
    <Section title={t('policy.when.title')} hint={chosen === null ? t('policy.when.own') : undefined}>
      <div className={classes.presets} role="radiogroup" aria-label={t('policy.when.preset')}>
        {PRESET_NAMES.map((name) => (
          <PresetButton key={name} name={name} chosen={name === chosen} />
        ))}
      </div>
      {now !== null && (
        <p className={classes.verdict} data-runs={now.reason === null} data-testid="policy-verdict">
          <Shape size={18} aria-hidden="true" />
          <span>
            {now.reason === null
              ? t('policy.when.nowRuns')
              : t('policy.when.nowPauses', { reason: pauseReasonText(t, now.reason, nowMs) })}
          </span>
        </p>
      )}
    </Section>
  );
}
