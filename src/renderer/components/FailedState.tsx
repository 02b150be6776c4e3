import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Failure } from '../../protocol/result';
import { failureText } from '../format/failures';
import { EmptyState } from './EmptyState';

interface FailedStateProps {
  /** What could not be shown. */
  readonly title: string;
  readonly failure: Pick<Failure, 'code' | 'message' | 'suggestion'>;
  readonly action?: ReactNode;
}

/** Stands where something could not be read: what happened, and what to do. */
export function FailedState({ title, failure, action }: FailedStateProps) {
  return (
    <EmptyState icon={IconAlertTriangle} tone="attention" title={title} action={action}>
      {failureText(failure)}
    </EmptyState>
  );
}
