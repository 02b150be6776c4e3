import { IconClockExclamation } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { LedgerPage } from '../../../contract';
import { formatAmount } from '../../format/numbers';
import { formatDate } from '../../format/times';
import classes from './Ledger.module.css';

/** What expires within the next 90 days; nothing when nothing does. */
export function ExpiringNote({ expiring }: Pick<LedgerPage, 'expiring'>) {
  const { t } = useTranslation();
  const [first, last] = [expiring[0], expiring.at(-1)];
  if (first === undefined || last === undefined) return null;
  const amount = formatAmount(expiring.reduce((sum, { microGft }) => sum + microGft, 0));
  const title =
    expiring.length === 1
      ? t('ledger.expiringOn', { amount, date: formatDate(first.on) })
      : t('ledger.expiringBy', { amount, date: formatDate(last.on), first: formatDate(first.on) });
  return (
    <p className={classes.expiring} data-testid="ledger-expiring">
      <IconClockExclamation size={18} stroke={1.5} aria-hidden="true" />
      <span>
        {title}
        <span className={classes.expiringHint}>{t('ledger.expiringHint')}</span>
      </span>
    </p>
  );
}
