import { Radio } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { ContributionSettings } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { Section } from '../../components/Section';
import { useSnapshot } from '../../stores/snapshot-store';
import { usePicked } from '../../stores/use-picked';
import classes from './Models.module.css';

const CHOICES = ['always', 'idle', 'ask', 'never'] as const satisfies readonly ContributionSettings['moveConsent'][];

/** What this computer does when the coordinator asks it to serve other layers. */
export function MoveConsentCard() {
  const { t } = useTranslation();
  const [shown, pick] = usePicked(useSnapshot(({ settings }) => settings.contribution.moveConsent));
  const choose = (value: string): void => {
    const moveConsent = CHOICES.find((choice) => choice === value);
    if (moveConsent !== undefined) void pick(moveConsent, changeSettings({ contribution: { moveConsent } }));
  };
  return (
    <Section title={t('models.move.title')} hint={t('models.move.hint')}>
      <Radio.Group value={shown} onChange={choose} aria-label={t('models.move.title')}>
        <div className={classes.radios}>
          {CHOICES.map((value) => (
            <Radio key={value} value={value} label={t(`models.move.${value}`)} data-testid={`move-${value}`} />
          ))}
        </div>
      </Radio.Group>
    </Section>
  );
}
