import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { MOVE_CONSENT } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Contribute.module.css';

/** Whether the coordinator may have other layers held here than it first suggested. */
export function MoveConsentField() {
  const { t } = useTranslation();
  const consent = useSnapshot(({ settings }) => settings.contribution.moveConsent);
  return (
    <Select
      className={classes.consent ?? ''}
      label={t('contribute.move.consent')}
      description={t('contribute.move.consentHint')}
      data={MOVE_CONSENT.map((value) => ({ value, label: t(`contribute.move.${value}`) }))}
      value={consent}
      allowDeselect={false}
      data-testid="move-consent"
      onChange={(value) => {
        const moveConsent = MOVE_CONSENT.find((known) => known === value);
        if (moveConsent !== undefined) void changeSettings({ contribution: { moveConsent } });
      }}
    />
  );
}
