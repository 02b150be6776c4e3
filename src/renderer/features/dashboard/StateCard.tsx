import { useTranslation } from 'react-i18next';
import { describeActivity } from '../../app/node-status';
import { useNodeStatus } from '../../app/use-node-status';
import { StateIcon } from '../../components/StateBadge';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Dashboard.module.css';

/** The state, big, with its reason and what happens next. The button for it stands above, in the status line. */
export function StateCard() {
  const { t } = useTranslation();
  const status = useNodeStatus();
  const node = useSnapshot((snapshot) => snapshot.node);
  const activity = describeActivity(t, node);
  return (
    <section className={classes.state} data-tone={status.tone} aria-label={t('dashboard.nowTitle')}>
      <div className={classes.stateIcon}>
        <StateIcon tone={status.tone} size={32} />
      </div>
      <div className={classes.stateText}>
        <p className={classes.stateWord}>{status.word}</p>
        <p className={classes.stateReason}>{status.reason}</p>
        {status.next !== null && <p className={classes.stateNext}>{status.next}</p>}
        {activity !== null && <p className={classes.stateNext}>{activity}</p>}
      </div>
    </section>
  );
}
