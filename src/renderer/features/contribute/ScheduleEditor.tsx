import { Select, Switch, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { DayHours } from '../../../protocol/compute/run-preferences';
import { changeSettings } from '../../app/change-settings';
import { SettingRow } from '../../components/SettingRow';
import { weekdayName } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Devices.module.css';

const KINDS = ['all', 'none', 'hours'] as const satisfies readonly DayHours['kind'][];
/** A first proposal for hours: the night. */
const NIGHT: DayHours = { kind: 'hours', start: 22 * 60, end: 7 * 60 };

/** `22:05` of minutes since midnight; midnight at the end of a day is its beginning. */
function clockOf(minutes: number): string {
  const wrapped = minutes % 1_440;
  return `${String(Math.floor(wrapped / 60)).padStart(2, '0')}:${String(wrapped % 60).padStart(2, '0')}`;
}

function minutesOf(clock: string): number | null {
  const match = /^(\d{2}):(\d{2})$/.exec(clock);
  return match === null ? null : Number(match[1]) * 60 + Number(match[2]);
}

function save(schedule: readonly DayHours[], day: number, hours: DayHours): void {
  void changeSettings({ policy: { schedule: schedule.map((other, index) => (index === day ? hours : other)) } });
}

function Day({ day, schedule }: { readonly day: number; readonly schedule: readonly DayHours[] }) {
  const { t } = useTranslation();
  const hours = schedule[day] ?? { kind: 'all' };
  const name = weekdayName(day);
  return (
    <div className={classes.day}>
      <span>{name}</span>
      <Select
        size="xs"
        aria-label={t('policy.schedule.kind', { day: name })}
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
        value={hours.kind}
        onChange={(kind) => save(schedule, day, kind === 'hours' ? NIGHT : { kind: kind === 'none' ? 'none' : 'all' })}
        data={KINDS.map((value) => ({ value, label: t(`policy.schedule.${value}`) }))}
      />
      {hours.kind === 'hours' && (
        <div className={classes.times}>
          {(['start', 'end'] as const).map((edge) => (
            <TextInput
              key={edge}
              size="xs"
              type="time"
              aria-label={t(`policy.schedule.${edge}`, { day: name })}
              value={clockOf(hours[edge])}
              onChange={(event) => {
                const minutes = minutesOf(event.currentTarget.value);
                if (minutes !== null) save(schedule, day, { ...hours, [edge]: minutes });
              }}
            />
          ))}
        </div>
      )}
    </div>
  );
}

/** The hours of each weekday at which work is allowed. */
export function ScheduleEditor() {
  const { t } = useTranslation();
  const schedule = useSnapshot(({ settings }) => settings.policy.schedule);
  return (
    <SettingRow
      title={t('policy.schedule.title')}
      hint={t('policy.schedule.hint')}
      below={
        schedule === null ? null : (
          <div className={classes.days}>
            {schedule.map((_hours, day) => (
              // Weekdays stay where they are.
              <Day key={weekdayName(day)} day={day} schedule={schedule} />
            ))}
          </div>
        )
      }
    >
      <Switch
        aria-label={t('policy.schedule.title')}
        checked={schedule !== null}
        onChange={(event) =>
          void changeSettings({
            policy: { schedule: event.currentTarget.checked ? Array.from({ length: 7 }, () => NIGHT) : null },
          })
        }
        data-testid="schedule-switch"
      />
    </SettingRow>
  );
}
