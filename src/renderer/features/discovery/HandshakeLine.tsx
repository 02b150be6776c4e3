import { IconCheck, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { HandshakePartyView, HandshakeView } from '../../../contract';
import classes from './Handshake.module.css';

type StepState = 'done' | 'part' | 'open' | 'against';

interface Step {
  readonly name: 'joined' | 'challenged' | 'answered' | 'decided' | 'agreed';
  readonly state: StepState;
  readonly note: string;
}

/** The state of a handshake as a line of steps for each side. */
export function HandshakeLine({ handshake, agreed }: { readonly handshake: HandshakeView; readonly agreed: boolean }) {
  const { t } = useTranslation();
  const { own, other } = handshake;
  return (
    <div className={classes.lines}>
      <Line party={own} name={t('discovery.step.you')} agreed={agreed} />
      <Line party={other} name={other.name === '' ? other.keyId : other.name} agreed={agreed} />
    </div>
  );
}

interface LineProps {
  readonly party: HandshakePartyView;
  readonly name: string;
  readonly agreed: boolean;
}

function Line({ party, name, agreed }: LineProps) {
  const { t } = useTranslation();
  const steps = useSteps(party, agreed);
  return (
    <div className={classes.line}>
      <span className={classes.lineName}>{name}</span>
      <ol className={classes.steps} aria-label={t('discovery.step.line', { name })}>
        {steps.map(({ name: step, state, note }) => (
          <li key={step} className={classes.step} data-state={state} data-testid={`step-${step}`}>
            <span className={classes.dot} aria-hidden="true">
              {state === 'done' && <IconCheck size={14} stroke={2.5} />}
              {state === 'against' && <IconX size={14} stroke={2.5} />}
            </span>
            <span>{t(`discovery.step.${step}`)}</span>
            <span className={classes.stepNote}>{note}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function useSteps({ progress }: HandshakePartyView, agreed: boolean): readonly Step[] {
  const { t } = useTranslation();
  const { joined, challengesSent, challengesReceived, challengesAnswered, decision } = progress;
  const answered: StepState =
    challengesReceived === 0 ? 'open' : challengesAnswered === challengesReceived ? 'done' : 'part';
  const decided: StepState = decision === null ? 'open' : decision === 'accept' ? 'done' : 'against';
  return [
    { name: 'joined', state: joined ? 'done' : 'open', note: joined ? '' : t('discovery.step.open') },
    {
      name: 'challenged',
      state: challengesSent > 0 ? 'done' : 'open',
      note: challengesSent > 0 ? t('discovery.step.sent', { count: challengesSent }) : t('discovery.step.none'),
    },
    {
      name: 'answered',
      state: answered,
      note:
        challengesReceived === 0
          ? t('discovery.step.none')
          : t('discovery.step.count', { done: challengesAnswered, total: challengesReceived }),
    },
    {
      name: 'decided',
      state: decided,
      note: decision === null ? t('discovery.step.open') : t(`discovery.step.${decision}`),
    },
    { name: 'agreed', state: agreed ? 'done' : 'open', note: agreed ? '' : t('discovery.step.open') },
  ];
}
