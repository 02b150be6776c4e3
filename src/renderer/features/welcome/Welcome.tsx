import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Mark } from '../../components/Mark';
import { useSnapshot } from '../../stores/snapshot-store';
import { ReadyStep } from './ReadyStep';
import classes from './Welcome.module.css';
import { WhatStep } from './WhatStep';
import { WhereStep } from './WhereStep';

type Step = 1 | 2 | 3;

/** The first start: what the app does, where and how much, and the self-test. */
export function Welcome() {
  const { t } = useTranslation();
  const consented = useSnapshot(({ settings }) => settings.consentAt !== null);
  const [chosen, setChosen] = useState<Step>(1);
  const step: Step = consented ? 3 : chosen;
  return (
    <main className={classes.welcome}>
      <div className={classes.page}>
        <header className={classes.brand}>
          <Mark width={48} />
          <span className={classes.name}>{t('app.name')}</span>
          <ol className={classes.steps} aria-label={t('welcome.stepsLabel')}>
            {([1, 2, 3] as const).map((index) => (
              <li
                key={index}
                className={classes.dot}
                data-state={index < step ? 'done' : index === step ? 'current' : 'todo'}
                aria-current={index === step ? 'step' : undefined}
              >
                <span className={classes.dotLabel}>{t('welcome.step', { step: String(index) })}</span>
              </li>
            ))}
          </ol>
        </header>
        {step === 1 && <WhatStep onNext={() => setChosen(2)} />}
        {step === 2 && <WhereStep onBack={() => setChosen(1)} />}
        {step === 3 && <ReadyStep />}
      </div>
    </main>
  );
}
