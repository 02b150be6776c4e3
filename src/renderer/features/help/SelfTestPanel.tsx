import { Button, Loader, Progress } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircle,
  IconCircleCheck,
  IconCircleMinus,
  IconHeartRateMonitor,
} from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { CheckResult } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import { failureText } from '../../format/failures';
import { formatBytes, formatCount } from '../../format/numbers';
import { formatDuration } from '../../format/times';
import { useReading } from '../../stores/use-reading';
import classes from './Help.module.css';

/** While it runs every step shows; at rest nothing changes by itself. */
const REFRESH_MS = 500;

function sentence(t: TFunction, { name, verdict, facts, failure }: CheckResult): string {
  if (verdict === 'waiting') return t('help.selfTest.waiting');
  if (verdict === 'running') return t('help.selfTest.running');
  if (failure !== null) return failureText(failure);
  return t(`help.selfTest.${name}.${verdict}`, {
    providers: facts['providers'] ?? '',
    provider: facts['provider'] ?? '',
    name: facts['name'] ?? '',
    what: facts['what'] ?? '',
    watts: formatCount(Number(facts['watts'] ?? 0)),
    free: formatBytes(Number(facts['freeBytes'] ?? 0)),
    time: formatDuration(Number(facts['durationMs'] ?? 0)),
  });
}

function VerdictIcon({ verdict }: Pick<CheckResult, 'verdict'>) {
  const { t } = useTranslation();
  const label = t(`help.selfTest.verdict.${verdict}`);
  switch (verdict) {
    case 'running':
      return <Loader size={18} aria-label={label} />;
    case 'waiting':
      return <IconCircle size={18} stroke={1.5} role="img" aria-label={label} />;
    case 'good':
      return <IconCircleCheck size={18} stroke={1.5} role="img" aria-label={label} />;
    case 'warning':
      return <IconCircleMinus size={18} stroke={1.5} role="img" aria-label={label} />;
    case 'bad':
      return <IconAlertTriangle size={18} stroke={1.5} role="img" aria-label={label} />;
  }
}

/** What all checks together say. */
function overall(t: TFunction, checks: readonly CheckResult[]): string {
  if (checks.some(({ verdict }) => verdict === 'bad')) return t('help.selfTest.allBad');
  return t(checks.some(({ verdict }) => verdict === 'warning') ? 'help.selfTest.allWarning' : 'help.selfTest.allGood');
}

/** Checks whether this computer can do its part, and says so plainly. */
export function SelfTestPanel() {
  const { t } = useTranslation();
  const { value: view, refresh } = useReading('self-test:get', null, REFRESH_MS);
  const checks = view?.checks ?? [];
  const done = checks.filter(({ verdict }) => verdict !== 'waiting' && verdict !== 'running').length;
  const change = async (channel: 'self-test:start' | 'self-test:cancel'): Promise<void> => {
    await callOrNotify('selfTest', channel, null);
    refresh();
  };
  return (
    <Section
      title={t('help.selfTest.title')}
      hint={t('help.selfTest.hint')}
      actions={
        view?.running === true ? (
          <Button variant="default" size="xs" onClick={() => void change('self-test:cancel')}>
            {t('help.selfTest.cancel')}
          </Button>
        ) : (
          <Button
            size="xs"
            leftSection={<IconHeartRateMonitor size={16} stroke={1.5} aria-hidden="true" />}
            onClick={() => void change('self-test:start')}
            data-testid="self-test-start"
          >
            {t('help.selfTest.start')}
          </Button>
        )
      }
    >
      {view?.running === true && (
        <Progress size="sm" value={(100 * done) / Math.max(1, checks.length)} aria-label={t('help.selfTest.title')} />
      )}
      {view !== null && view.finishedAt !== null && (
        <p className={classes.overall} role="status" data-testid="self-test-verdict">
          {overall(t, checks)}
        </p>
      )}
      <ul className={classes.checks}>
        {checks.map((check) => (
          <li key={check.name} data-verdict={check.verdict} data-testid={`check-${check.name}`}>
            <VerdictIcon verdict={check.verdict} />
            <div>
              <p className={classes.checkName}>{t(`help.selfTest.${check.name}.name`)}</p>
              <p className={classes.quiet}>{sentence(t, check)}</p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
