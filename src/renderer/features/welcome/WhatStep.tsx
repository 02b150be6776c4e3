import { Button } from '@mantine/core';
import { IconCpu, IconEye, IconGauge, IconPlayerPause, IconSeedling, type Icon } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import classes from './Welcome.module.css';

type Point = 'work' | 'uses' | 'privacy' | 'stop' | 'model';

const POINTS: readonly { readonly name: Point; readonly icon: Icon }[] = [
  { name: 'work', icon: IconCpu },
  { name: 'uses', icon: IconGauge },
  { name: 'privacy', icon: IconEye },
  { name: 'stop', icon: IconPlayerPause },
  { name: 'model', icon: IconSeedling },
];

/** Step 1: what the app does with this computer. */
export function WhatStep({ onNext }: { readonly onNext: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <div>
        <h1 className={classes.title}>{t('welcome.what.title')}</h1>
        <p className={classes.lead}>{t('welcome.what.lead')}</p>
      </div>
      <ul className={classes.points}>
        {POINTS.map(({ name, icon: Shape }) => (
          <li key={name} className={classes.point}>
            <Shape size={24} stroke={1.5} aria-hidden="true" />
            <h2 className={classes.pointTitle}>{t(`welcome.what.${name}Title`)}</h2>
            <p className={classes.pointText}>{t(`welcome.what.${name}`)}</p>
          </li>
        ))}
      </ul>
      <div className={classes.actions}>
        <Button className={classes.push} size="md" data-testid="welcome-next" onClick={onNext}>
          {t('welcome.next')}
        </Button>
      </div>
    </>
  );
}
