import type { Icon } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './EmptyState.module.css';

interface EmptyStateProps {
  readonly icon: Icon;
  readonly title: string;
  /** What will appear here, and when. */
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  readonly tone?: 'quiet' | 'attention';
}

/** Stands where there is nothing to show yet, or where it could not be read. */
export function EmptyState({ icon: Shape, title, children, action, tone = 'quiet' }: EmptyStateProps) {
  return (
    <div className={classes.empty} data-tone={tone}>
      <Shape className={classes.icon} size={24} stroke={1.5} aria-hidden="true" />
      <div className={classes.text}>
        <p className={classes.title}>{title}</p>
        {children !== undefined && <p className={classes.body}>{children}</p>}
        {action !== undefined && <div className={classes.action}>{action}</div>}
      </div>
    </div>
  );
}
