import { useTranslation } from 'react-i18next';
import { formatCount } from '../../format/numbers';

/** Time windows of quotas a person chooses from, in seconds. */
export const QUOTA_WINDOWS = { hour: 3_600, day: 86_400, week: 604_800 } as const;
export type QuotaWindow = keyof typeof QUOTA_WINDOWS;

/** Says a time window in words: `a day`. */
export function useWindowText(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    const known = (Object.keys(QUOTA_WINDOWS) as QuotaWindow[]).find((name) => QUOTA_WINDOWS[name] === seconds);
    return known === undefined
      ? t('discovery.window.seconds', { seconds: formatCount(seconds) })
      : t(`discovery.window.${known}`);
  };
}
