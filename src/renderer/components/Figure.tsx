import type { ReactNode } from 'react';
import classes from './Figure.module.css';

interface FigureProps {
  readonly label: string;
  readonly children: ReactNode;
  readonly note?: ReactNode;
  readonly size?: 'large' | 'medium';
}

/** A number with its name. Belongs into a `FigureList`. */
export function Figure({ label, children, note, size = 'medium' }: FigureProps) {
  return (
    <div className={classes.figure}>
      <dt className={classes.label}>{label}</dt>
      <dd className={classes.value} data-size={size}>
        {children}
      </dd>
      {note !== undefined && <dd className={classes.note}>{note}</dd>}
    </div>
  );
}

/** Numbers side by side. */
export function FigureList({ children }: { readonly children: ReactNode }) {
  return <dl className={classes.list}>{children}</dl>;
}
