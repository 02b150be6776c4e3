import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { WindowChannel } from '../../../contract';
import { FailedState } from '../../components/FailedState';
import { Section } from '../../components/Section';
import type { Reading } from '../../stores/use-reading';

interface PanelProps<Name extends WindowChannel> {
  readonly title: string;
  readonly hint?: string;
  readonly reading: Reading<Name>;
  readonly actions?: ReactNode;
  readonly children: (value: NonNullable<Reading<Name>['value']>) => ReactNode;
}

/** A card around something that is read from the coordinator: waiting, failed, or there. */
export function Panel<Name extends WindowChannel>({ title, hint, reading, actions, children }: PanelProps<Name>) {
  const { t } = useTranslation();
  const { value, failure, refresh } = reading;
  return (
    <Section title={title} {...(hint === undefined ? {} : { hint })} {...(actions === undefined ? {} : { actions })}>
      {failure !== null && (
        <FailedState
          title={t('administration.failedTitle')}
          action={
            <Button variant="default" size="xs" onClick={refresh}>
              {t('common.retry')}
            </Button>
          }
          failure={failure}
        />
      )}
      {failure === null && value === null && <Skeleton height={160} />}
      {failure === null && value !== null && children(value)}
    </Section>
  );
}
