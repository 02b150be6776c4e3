import { Button } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconLink } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { useLedgerStore } from '../../stores/ledger-store';
import { formatCount } from '../../format/numbers';
import classes from './Ledger.module.css';

/** Whether the chain of hashes holds, checked when asked. */
export function ChainState() {
  const { t } = useTranslation();
  const verification = useLedgerStore((state) => state.verification);
  const [busy, setBusy] = useState(false);
  const verify = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('verify', 'ledger:verify', null);
    if (result.ok) useLedgerStore.setState({ verification: result.value });
    setBusy(false);
  };
  const entries = verification === null ? '' : formatCount(verification.entriesChecked);
  return (
    <div className={classes.chain}>
      <div role="status" data-testid="ledger-verification" className={classes.verification}>
        {verification === null ? (
          <span className={classes.quiet}>{t('ledger.verifyHint')}</span>
        ) : (
          <span className={classes.outcome} data-valid={verification.valid}>
            {verification.valid ? (
              <IconCircleCheck size={18} stroke={1.5} aria-hidden="true" />
            ) : (
              <IconAlertTriangle size={18} stroke={1.5} aria-hidden="true" />
            )}
            <span>
              {verification.valid ? t('ledger.verified', { entries }) : t('ledger.broken', { entries })}
              {!verification.valid && <span className={classes.brokenReason}>{verification.message}</span>}
            </span>
          </span>
        )}
      </div>
      <Button
        variant="default"
        loading={busy}
        leftSection={<IconLink size={16} stroke={1.5} />}
        data-testid="ledger-verify"
        onClick={() => void verify()}
      >
        {t('ledger.verify')}
      </Button>
    </div>
  );
}
