import type { ReactNode } from 'react';
import classes from './SettingRow.module.css';

interface SettingRowProps {
  readonly title: string;
  readonly hint?: ReactNode;
  /** The control at the right. */
  readonly children?: ReactNode;
  /** Wide content below. */
  readonly below?: ReactNode;
}

/** One setting: its name, a sentence, its control. */
export function SettingRow({ title, hint, children, below }: SettingRowProps) {
  return (
    <div className={classes.row}>
      <div>
        <h3 className={classes.title}>{title}</h3>
        {hint !== undefined && <p className={classes.hint}>{hint}</p>}
      </div>
      {children !== undefined && <div className={classes.control}>{children}</div>}
      {below !== undefined && below !== null && <div className={classes.below}>{below}</div>}
    </div>
  );
}
