import { useTranslation } from 'react-i18next';
import { describeActivity } from '../../app/node-status';
import { StateButton } from '../../app/StateButton';
import { useNodeStatus } from '../../app/use-node-status';
import { coverageSentence } from '../../components/coverage';
import { Figure, FigureList } from '../../components/Figure';
import { StateIcon } from '../../components/StateBadge';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Dashboard.module.css';

/** Did it help: requests and tokens served since the start. */
function WorkDone() {
  const { t } = useTranslation();
  const served = useSnapshot(({ node }) => node.requestsServed);
  const failed = useSnapshot(({ node }) => node.requestsFailed);
  const tokens = useSnapshot(({ node }) => node.tokensServed);
  return (
    <div className={classes.work} title={t('dashboard.work.since')}>
      <FigureList>
        <Figure
          label={t('dashboard.work.requests')}
          size="large"
          note={failed > 0 ? t('dashboard.work.failed', { count: failed, shown: formatCount(failed) }) : undefined}
        >
          {formatCount(served)}
        </Figure>
        <Figure label={t('dashboard.work.tokens')} size="large" note={t('dashboard.work.since')}>
          {formatCount(tokens)}
        </Figure>
      </FigureList>
    </div>
  );
}

/** The state, big, with its reason, what to do about it, and what was done so far. */
export function StateCard() {
  const { t } = useTranslation();
  const status = useNodeStatus();
  const node = useSnapshot((snapshot) => snapshot.node);
  const coverage = useSnapshot((snapshot) => snapshot.coverage);
  const activity = describeActivity(t, node);
  const blocked = node.state.kind === 'serving' && coverage !== null && !coverage.available;
  const next = blocked ? coverageSentence(t, coverage) : (activity ?? status.next);
  const actionable = status.action === 'resume' || status.action === 'retry';
  return (
    <section className={classes.state} data-tone={status.tone} aria-label={t('dashboard.nowTitle')}>
      <div className={classes.stateIcon}>
        <StateIcon tone={status.tone} size={32} />
      </div>
      <div className={classes.stateText}>
        <p className={classes.stateWord}>{status.word}</p>
        <p className={classes.stateReason}>{status.reason}</p>
        {next !== null && <p className={classes.stateNext}>{next}</p>}
        {actionable && (
          <div className={classes.stateAction}>
            <StateButton action={status.action} testIdPrefix="dashboard-" />
          </div>
        )}
      </div>
      <WorkDone />
    </section>
  );
}
