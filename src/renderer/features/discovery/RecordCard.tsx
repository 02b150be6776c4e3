import { Button } from '@mantine/core';
import { IconAlertTriangle, IconClockOff, IconKey, IconShieldCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { RecordView } from '../../../contract';
import { domainTitle, subdomainTitle } from '../../../protocol/trust/taxonomy';
import { formatDate, formatExactTime } from '../../format/times';
import { formatCount } from '../../format/numbers';
import { useWindowText } from './use-window-text';
import classes from './Discovery.module.css';

interface RecordCardProps {
  readonly view: RecordView;
  /** Null where a handshake cannot be proposed: the own record, or no key yet. */
  readonly onPropose: (() => void) | null;
  readonly proposeHint?: string | undefined;
}

/** One record: who, what, and whether its signature holds. */
export function RecordCard({ view, onPropose, proposeHint }: RecordCardProps) {
  const { t, i18n } = useTranslation();
  const windowText = useWindowText();
  const { record, keyId, signature, isExpired, isOwn } = view;
  const { node, capabilities, challenge_policy: policy } = record;
  const quota = policy.accepts ? (policy.quota ?? null) : null;
  return (
    <li className={classes.card} data-broken={signature === 'broken'} data-testid="record-card">
      <div>
        <h3 className={classes.name}>{node.display_name ?? t('discovery.record.unnamed')}</h3>
        <p className={classes.quiet}>
          {[node.institution, t(`discovery.mode.${record.governance_mode}`)].filter(Boolean).join(' · ')}
        </p>
      </div>
      <ul className={classes.capabilities}>
        {capabilities.map(({ domain, subdomain, models, description }, index) => (
          // A record is replaced as a whole, so places are stable.
          // oxlint-disable-next-line react/no-array-index-key
          <li key={index}>
            <span className={classes.term}>
              {domainTitle(domain, i18n.language)} · {subdomainTitle(domain, subdomain, i18n.language)}
            </span>
            {models !== undefined && models !== null && models.length > 0 && (
              <span className={classes.quiet}> {models.join(', ')}</span>
            )}
            {typeof description === 'string' && <p className={classes.quiet}>{description}</p>}
          </li>
        ))}
      </ul>
      {typeof record.availability === 'string' && (
        <p className={classes.quiet}>{t('discovery.record.availability', { text: record.availability })}</p>
      )}
      {signature === 'broken' && (
        <p className={classes.fact} data-tone="bad">
          {t('discovery.record.brokenHint')}
        </p>
      )}
      <div className={classes.facts}>
        <span className={classes.fact} data-tone={signature === 'holds' ? 'good' : 'bad'}>
          {signature === 'holds' ? <IconShieldCheck size={14} /> : <IconAlertTriangle size={14} />}
          {t(`discovery.record.${signature}`)}
        </span>
        <span className={classes.fact} title={node.public_key}>
          <IconKey size={14} stroke={1.5} />
          {t('discovery.record.key', { id: keyId })}
        </span>
        {isExpired ? (
          <span className={classes.fact} data-tone="wait">
            <IconClockOff size={14} />
            {t('discovery.record.expired')}
          </span>
        ) : (
          <span title={formatExactTime(record.expires_at)}>
            {t('discovery.record.until', { time: formatDate(record.expires_at) })}
          </span>
        )}
        <span>
          {quota === null
            ? t('discovery.record.noChallenges')
            : t('discovery.record.challenges', {
                count: quota.count,
                shown: formatCount(quota.count),
                window: windowText(quota.window_seconds),
              })}
        </span>
      </div>
      <div className={classes.foot}>
        {isOwn ? (
          <span className={classes.quiet}>{t('discovery.record.you')}</span>
        ) : (
          <Button
            variant="default"
            size="xs"
            disabled={onPropose === null || signature === 'broken' || isExpired}
            onClick={() => onPropose?.()}
            data-testid="record-propose"
          >
            {t('discovery.record.propose')}
          </Button>
        )}
        {proposeHint !== undefined && !isOwn && <span className={classes.quiet}>{proposeHint}</span>}
      </div>
    </li>
  );
}
