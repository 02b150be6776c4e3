import { Switch } from '@mantine/core';
import { usePicked } from '../stores/use-picked';

interface SavedSwitchProps {
  /** Names the switch for screen readers; a heading stands beside it. */
  readonly label: string;
  readonly checked: boolean;
  /** Answers whether main took the change. */
  readonly onSave: (checked: boolean) => Promise<boolean>;
  readonly testId?: string;
}

/** A switch for a setting: moves at once, and back when main refuses. */
export function SavedSwitch({ label, checked, onSave, testId }: SavedSwitchProps) {
  const [shown, pick] = usePicked(checked);
  return (
    <Switch
      aria-label={label}
      checked={shown}
      onChange={(event) => void pick(event.currentTarget.checked, onSave(event.currentTarget.checked))}
      data-testid={testId}
    />
  );
}
