import { Button, PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Settings.module.css';

/** The secret a remote coordinator asks for; it goes in and never comes out again. */
export function AccessTokenRow() {
  const { t } = useTranslation();
  const stored = useSnapshot(({ hasRemoteAccessToken }) => hasRemoteAccessToken);
  const encrypted = useSnapshot(({ secretsEncrypted }) => secretsEncrypted);
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const save = async (accessToken: string | null): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('token', 'settings:set-access-token', { accessToken });
    if (result.ok) setToken('');
    setBusy(false);
  };
  const where = encrypted ? t('settings.accessToken.encrypted') : t('settings.accessToken.plain');
  return (
    <SettingRow
      title={t('settings.accessToken.title')}
      hint={`${t('settings.accessToken.hint')} ${t('settings.accessToken.kept', { where })}`}
      below={
        <form
          className={classes.remote}
          onSubmit={(event) => {
            event.preventDefault();
            if (token.trim() !== '') void save(token.trim());
          }}
        >
          <div className={classes.inline}>
            <PasswordInput
              className={classes.grow ?? ''}
              label={t('settings.accessToken.label')}
              value={token}
              autoComplete="off"
              onChange={(event) => setToken(event.currentTarget.value)}
              visibilityToggleButtonProps={{ 'aria-label': t('settings.accessToken.reveal') }}
            />
            <Button type="submit" variant="default" loading={busy} disabled={token.trim() === ''}>
              {t('settings.accessToken.save')}
            </Button>
            {stored && (
              <Button variant="default" disabled={busy} onClick={() => void save(null)}>
                {t('settings.accessToken.remove')}
              </Button>
            )}
          </div>
          <p className={classes.quiet} role="status">
            {stored ? t('settings.accessToken.stored') : t('settings.accessToken.missing')}
          </p>
        </form>
      }
    />
  );
}
