import { Tooltip } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Amount } from '../components/Amount';
import { StateBadge } from '../components/StateBadge';
import { useSnapshot } from '../stores/snapshot-store';
import { coordinatorName, describeActivity } from './node-status';
import { StateButton } from './StateButton';
import classes from './StatusLine.module.css';
import { useNodeStatus } from './use-node-status';

/** State, reason, what runs now, the balance and the one thing to do. */
export function StatusLine() {
  const { t } = useTranslation();
  const status = useNodeStatus();
  const node = useSnapshot((snapshot) => snapshot.node);
  const activity = describeActivity(t, node);
  const reason = [status.reason, activity ?? status.next].filter(Boolean).join(activity === null ? ' ' : ' · ');
  return (
    <section className={classes.line} aria-label={t('app.status')}>
      <div className={classes.state}>
        <span role="status" className={classes.word}>
          <StateBadge tone={status.tone} word={status.word} testId="status-state" />
        </span>
        <Tooltip label={reason} disabled={reason.length < 40}>
          <span className={classes.reason}>{reason}</span>
        </Tooltip>
      </div>
      {node.coordinator.tokenMode !== null && (
        <div className={classes.balance} data-testid="status-balance">
          {node.coordinator.tokenMode && node.balanceMicroGft !== null ? (
            <Tooltip label={t('statusLine.balanceTitle', { coordinator: coordinatorName(node) })}>
              <span>
                <span className={classes.balanceLabel}>{t('statusLine.balance')}</span>{' '}
                <Amount microGft={node.balanceMicroGft} />
              </span>
            </Tooltip>
          ) : (
            node.coordinator.tokenMode === false && (
              <span className={classes.balanceLabel}>{t('statusLine.noTokens')}</span>
            )
          )}
        </div>
      )}
      <StateButton action={status.action} />
    </section>
  );
}
