import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { failureText } from '../../format/failures';
import { formatAmount, formatCount } from '../../format/numbers';
import classes from './Chat.module.css';
import type { EstimateState } from './use-estimate';

/** What the question costs at most, and whether the balance suffices. */
export function EstimateLine({ state }: { readonly state: EstimateState }) {
  const { t } = useTranslation();
  let text: string = t('chat.estimateWaiting');
  let tooLow = false;
  if (state.kind === 'working') text = t('chat.estimateWorking');
  if (state.kind === 'failed') text = t('chat.estimateFailed', { message: failureText(state.error) });
  if (state.kind === 'known') {
    const { payer, estimatedMicroGft, balanceMicroGft, maxNewTokens, isFallback } = state.estimate;
    const tokens = formatCount(maxNewTokens);
    if (payer === 'provider') {
      text = t('chat.estimateProvider');
    } else if (estimatedMicroGft === null) {
      text = t('chat.estimateFree', { tokens });
    } else {
      text = t('chat.estimate', { cost: formatAmount(estimatedMicroGft), tokens });
      if (isFallback === true) text = `${t('chat.fallback')} · ${text}`;
      if (balanceMicroGft !== null) {
        text += ` · ${t('chat.estimateBalance', { balance: formatAmount(balanceMicroGft) })}`;
        tooLow = balanceMicroGft < estimatedMicroGft;
      }
    }
  }
  return (
    <p className={classes.estimate} data-testid="estimate-line" data-too-low={tooLow || undefined}>
      {tooLow && <IconAlertTriangle size={16} stroke={1.5} aria-hidden="true" />}
      <span>
        {text}
        {tooLow && ` · ${t('chat.estimateTooLow')}`}
      </span>
    </p>
  );
}
