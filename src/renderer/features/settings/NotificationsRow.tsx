import { Switch } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { NOTIFICATION_KINDS, type NotificationSettings } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';
import { usePicked } from '../../stores/use-picked';
import classes from './Settings.module.css';

/** Minutes since midnight as the value of a time field, and back. */
const timeText = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
const minutesOf = (text: string): number | null => {
  const [hours = Number.NaN, minutes = Number.NaN] = text.split(':').map(Number);
  const value = hours * 60 + minutes;
  return Number.isInteger(value) && value >= 0 && value < 1_440 ? value : null;
};

const NIGHT = { start: 22 * 60, end: 8 * 60 } as const;

function QuietHours({ quiet }: { readonly quiet: NonNullable<NotificationSettings['quietHours']> }) {
  const { t } = useTranslation();
  const change = (part: 'start' | 'end', text: string): void => {
    const minutes = minutesOf(text);
    if (minutes !== null) void changeSettings({ notifications: { quietHours: { ...quiet, [part]: minutes } } });
  };
  return (
    <span className={classes.times}>
      {(['start', 'end'] as const).map((part) => (
        <label key={part}>
          {t(`settings.notifications.${part}`)}{' '}
          <input
            type="time"
            className={classes.time}
            defaultValue={timeText(quiet[part])}
            onBlur={(event) => change(part, event.currentTarget.value)}
          />
        </label>
      ))}
    </span>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly checked: boolean;
  readonly change: (checked: boolean) => Partial<NotificationSettings>;
  readonly testId: string;
}

/** A switch with its label; moves at once, and back when the change is refused. */
function Choice({ label, checked, change, testId }: ChoiceProps) {
  const [shown, pick] = usePicked(checked);
  return (
    <Switch
      label={label}
      checked={shown}
      onChange={({ currentTarget: { checked: next } }) =>
        void pick(next, changeSettings({ notifications: change(next) }))
      }
      data-testid={testId}
    />
  );
}

/** Which notifications of the system are shown, and when none is. */
export function NotificationsRow() {
  const { t } = useTranslation();
  const chosen = useSnapshot(({ settings }) => settings.notifications);
  return (
    <SettingRow
      title={t('settings.notifications.title')}
      hint={t('settings.notifications.hint')}
      below={
        <div className={classes.switches}>
          {NOTIFICATION_KINDS.map((kind) => (
            <Choice
              key={kind}
              label={t(`settings.notifications.${kind}`)}
              checked={chosen[kind]}
              change={(checked) => ({ [kind]: checked })}
              testId={`notifications-${kind}`}
            />
          ))}
          <Choice
            label={t('settings.notifications.quiet')}
            checked={chosen.quietHours !== null}
            change={(checked) => ({ quietHours: checked ? NIGHT : null })}
            testId="notifications-quiet"
          />
          {chosen.quietHours !== null && <QuietHours quiet={chosen.quietHours} />}
        </div>
      }
    />
  );
}
