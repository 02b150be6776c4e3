import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { JoinDetails } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';
import { isLoopback } from './loopback';
import classes from './Settings.module.css';

/** How others join the coordinator on this computer; the token is read only when asked for. */
export function JoinRow() {
  const { t } = useTranslation();
  const running = useSnapshot(({ embeddedCoordinator }) => embeddedCoordinator.kind === 'running');
  const [details, setDetails] = useState<JoinDetails | null>(null);
  const [busy, setBusy] = useState(false);
  const shown = running ? details : null;

  const toggle = async (): Promise<void> => {
    if (shown !== null) {
      setDetails(null);
      return;
    }
    setBusy(true);
    const result = await callOrNotify('join', 'coordinator:get-join-details', null);
    if (result.ok) setDetails(result.value);
    setBusy(false);
  };

  return (
    <SettingRow
      title={t('settings.join.title')}
      hint={running ? t('settings.join.hint') : t('settings.join.unavailable')}
      below={
        shown !== null && (
          <>
            {isLoopback(shown.url) && <p className={classes.quiet}>{t('settings.join.loopback')}</p>}
            <dl className={classes.join}>
              {(
                [
                  ['url', shown.url],
                  ['token', shown.accessToken],
                  ['command', shown.command],
                ] as const
              ).map(([name, value]) => (
                <div key={name} className={classes.joinItem}>
                  <dt>{t(`settings.join.${name}`)}</dt>
                  <dd>
                    <code data-testid={`join-${name}`}>{value}</code>
                    <CopyButton text={value} label={t('settings.join.copy', { what: t(`settings.join.${name}`) })} />
                  </dd>
                </div>
              ))}
            </dl>
          </>
        )
      }
    >
      <Button
        variant="default"
        size="xs"
        loading={busy}
        disabled={!running}
        aria-expanded={shown !== null}
        data-testid="join-show"
        onClick={() => void toggle()}
      >
        {shown === null ? t('settings.join.show') : t('settings.join.hide')}
      </Button>
    </SettingRow>
  );
}
