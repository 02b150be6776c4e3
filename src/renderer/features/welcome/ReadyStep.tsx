import { Button, Progress } from '@mantine/core';
import { IconAlertTriangle, IconCircle, IconCircleCheckFilled, IconLoader2, type Icon } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { StateButton } from '../../app/StateButton';
import { useNodeStatus } from '../../app/use-node-status';
import { startNewChat } from '../../app/start-new-chat';
import { formatLayers, formatPercent, formatSpeed } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { setWelcomeOpen, showScreen } from '../../stores/ui-store';
import classes from './Welcome.module.css';
import { furthestStep, welcomeProgress, type StepProgress, type WelcomeStep } from './welcome-progress';

const STEP_ICONS: Record<StepProgress['state'], Icon> = {
  done: IconCircleCheckFilled,
  running: IconLoader2,
  todo: IconCircle,
  stopped: IconAlertTriangle,
};

function StepRow({ progress }: { readonly progress: StepProgress }) {
  const { t } = useTranslation();
  const Shape = STEP_ICONS[progress.state];
  const words =
    progress.fraction === null
      ? {
          done: t('welcome.ready.done'),
          running: t('welcome.ready.running'),
          todo: t('welcome.ready.todo'),
          stopped: t('welcome.ready.stopped'),
        }[progress.state]
      : t('welcome.ready.runningPercent', { percent: formatPercent(progress.fraction) });
  const label = t(`welcome.ready.${progress.step}`);
  return (
    <li className={classes.progressItem} data-state={progress.state}>
      <Shape size={20} stroke={1.5} aria-hidden="true" />
      <span>{label}</span>
      <span className={classes.progressState}>{words}</span>
    </li>
  );
}

function Verdict() {
  const { t } = useTranslation();
  const node = useSnapshot((snapshot) => snapshot.node);
  const { hardware, state, shard } = node;
  return (
    <div className={classes.verdict}>
      {state.kind === 'serving' && (
        <p className={classes.lead}>
          {t('welcome.ready.verdict', {
            layers: formatLayers(state.range.layer_start, state.range.layer_end),
            model: shard?.friendlyName ?? state.modelId,
          })}
        </p>
      )}
      {hardware !== null && (
        <p className={classes.verdictNote}>
          {t('welcome.ready.verdictMeasured', {
            matmul: formatSpeed(hardware.matmulGflops),
            memory: formatSpeed(hardware.memoryGigabytesPerSecond),
            decode: formatSpeed(hardware.decodeTokensPerSecond),
          })}
        </p>
      )}
    </div>
  );
}

/** Step 3: the first start, live, and its verdict. */
export function ReadyStep() {
  const { t } = useTranslation();
  const state = useSnapshot(({ node }) => node.state);
  const status = useNodeStatus();
  const [furthest, setFurthest] = useState<WelcomeStep>('identity');
  const reached = furthestStep(furthest, state);
  if (reached !== furthest) setFurthest(reached);
  const { steps, outcome } = welcomeProgress(state, reached);
  const done = steps.filter(({ state }) => state === 'done').length;
  const running = steps.find(({ state }) => state === 'running')?.fraction ?? 0;
  const leave = (go: () => void): void => {
    go();
    setWelcomeOpen(false);
  };
  const title = {
    working: t('welcome.ready.titleWorking'),
    ready: t('welcome.ready.titleReady'),
    paused: t('welcome.ready.titleReady'),
    stopped: t('welcome.ready.titleFailed'),
  }[outcome];

  return (
    <>
      <div role="status">
        <h1 className={classes.title}>{title}</h1>
        {outcome === 'working' && <p className={classes.lead}>{t('welcome.ready.lead')}</p>}
        {outcome === 'paused' && (
          <p className={classes.lead}>{t('welcome.ready.verdictPaused', { reason: status.reason })}</p>
        )}
        {outcome === 'stopped' && <p className={classes.lead}>{status.reason}</p>}
        {(outcome === 'ready' || outcome === 'paused') && <Verdict />}
      </div>
      <ul className={classes.progress} aria-label={t('welcome.ready.steps')}>
        {steps.map((progress) => (
          <StepRow key={progress.step} progress={progress} />
        ))}
      </ul>
      {outcome === 'stopped' && status.next !== null && <p>{status.next}</p>}
      {outcome === 'working' && (
        <Progress
          value={((done + running) / steps.length) * 100}
          size="sm"
          aria-label={t('welcome.ready.steps')}
          transitionDuration={150}
        />
      )}
      <div className={classes.actions}>
        {outcome === 'stopped' && (
          <>
            <StateButton action="retry" size="md" />
            <Button variant="default" size="md" onClick={() => leave(() => showScreen('settings'))}>
              {t('welcome.ready.openSettings')}
            </Button>
          </>
        )}
        <Button
          className={classes.push}
          size="md"
          variant="default"
          data-testid="welcome-open-dashboard"
          onClick={() => leave(() => showScreen('dashboard'))}
        >
          {t('welcome.ready.openDashboard')}
        </Button>
        {outcome !== 'stopped' && (
          <Button
            size="md"
            disabled={outcome !== 'ready'}
            data-testid="welcome-open-chat"
            onClick={() => leave(() => startNewChat(t('chat.suggestions.shard')))}
          >
            {t('welcome.ready.askFirst')}
          </Button>
        )}
      </div>
    </>
  );
}
