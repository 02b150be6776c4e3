import type { ReactNode } from 'react';
import type { HelpPlace } from '../stores/ui-store';
import { HelpButton } from './HelpButton';
import classes from './Screen.module.css';

interface ScreenProps {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** The title is read by screen readers only: the first card says it in its own way. */
  readonly titleHidden?: boolean;
  /** The page of help that belongs to it. */
  readonly help?: HelpPlace;
}

/** A scrolling page of cards. */
export function Screen({ title, lead, actions, children, titleHidden = false, help }: ScreenProps) {
  return (
    <div className={classes.scroll} role="region" aria-label={title} tabIndex={0}>
      <div className={classes.page}>
        <header className={titleHidden ? classes.headerHidden : classes.header}>
          <div className={classes.heading}>
            <h1 className={classes.title}>{title}</h1>
            {lead !== undefined && <p className={classes.lead}>{lead}</p>}
          </div>
          {actions}
          {help !== undefined && <HelpButton place={help} />}
        </header>
        {children}
      </div>
    </div>
  );
}
