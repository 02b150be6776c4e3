import {
  IconAlertTriangle,
  IconCircleCheckFilled,
  IconLoader2,
  IconPlayerPauseFilled,
  IconPlugConnectedX,
  IconPower,
  IconZzz,
  type Icon,
} from '@tabler/icons-react';
import type { StatusTone } from '../app/node-status';
import classes from './StateBadge.module.css';

const ICONS: Record<StatusTone, Icon> = {
  working: IconCircleCheckFilled,
  busy: IconLoader2,
  paused: IconPlayerPauseFilled,
  snoozed: IconZzz,
  offline: IconPlugConnectedX,
  attention: IconAlertTriangle,
  off: IconPower,
};

interface StateIconProps {
  readonly tone: StatusTone;
  readonly size: number;
}

/** The shape and colour of a state, without its word. */
export function StateIcon({ tone, size }: StateIconProps) {
  const Shape = ICONS[tone];
  return <Shape className={classes.icon} data-tone={tone} size={size} stroke={1.5} aria-hidden="true" />;
}

interface StateBadgeProps {
  readonly tone: StatusTone;
  readonly word: string;
  readonly testId?: string;
}

/** A state as icon and word. */
export function StateBadge({ tone, word, testId }: StateBadgeProps) {
  return (
    <span className={classes.badge} data-tone={tone}>
      <StateIcon tone={tone} size={18} />
      <span data-testid={testId} data-tone={tone}>
        {word}
      </span>
    </span>
  );
}
