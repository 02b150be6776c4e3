import { useId, type ReactNode } from 'react';
import classes from './Section.module.css';

interface SectionProps {
  readonly title: ReactNode;
  /** Controls at the right of the title. */
  readonly actions?: ReactNode;
  readonly hint?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string | undefined;
  readonly testId?: string;
}

/** One card with one idea. */
export function Section({ title, actions, hint, children, className, testId }: SectionProps) {
  const titleId = useId();
  return (
    <section
      className={[classes.card, className].filter(Boolean).join(' ')}
      aria-labelledby={titleId}
      data-testid={testId}
    >
      <header className={classes.header}>
        <div className={classes.heading}>
          <h2 id={titleId} className={classes.title}>
            {title}
          </h2>
          {hint !== undefined && <p className={classes.hint}>{hint}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  );
}
