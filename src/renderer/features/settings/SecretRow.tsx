import { Button, PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SettingRow } from '../../components/SettingRow';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Settings.module.css';

interface SecretRowProps {
  readonly name: 'accessToken' | 'invitation';
  readonly stored: boolean;
  /** Keeps the text, or forgets what was kept; true when that is done. */
  readonly save: (secret: string | null) => Promise<boolean>;
  /** Why a text cannot be one, or null. */
  readonly problemOf?: (secret: string) => string | null;
  /** What the coordinator said of it. */
  readonly refusal?: string | null;
}

/** A setting that goes in and never comes out again. */
export function SecretRow({ name, stored, save, problemOf, refusal = null }: SecretRowProps) {
  const { t } = useTranslation();
  const encrypted = useSnapshot(({ secretsEncrypted }) => secretsEncrypted);
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const given = secret.trim();
  const problem = given === '' ? null : (problemOf?.(given) ?? null);
  const keep = async (kept: string | null): Promise<void> => {
    setBusy(true);
    if (await save(kept)) setSecret('');
    setBusy(false);
  };
  const where = encrypted ? t('settings.secret.encrypted') : t('settings.secret.plain');
  return (
    <SettingRow
      title={t(`settings.${name}.title`)}
      hint={`${t(`settings.${name}.hint`)} ${t('settings.secret.kept', { where })}`}
      below={
        <form
          className={classes.remote}
          onSubmit={(event) => {
            event.preventDefault();
            if (given !== '' && problem === null) void keep(given);
          }}
        >
          <div className={classes.inline}>
            <PasswordInput
              className={classes.grow ?? ''}
              label={t(`settings.${name}.label`)}
              value={secret}
              autoComplete="off"
              error={problem !== null}
              aria-describedby={`${name}-outcome`}
              onChange={(event) => setSecret(event.currentTarget.value)}
              visibilityToggleButtonProps={{ 'aria-label': t(`settings.${name}.reveal`) }}
              data-testid={`${name}-field`}
            />
            <Button
              type="submit"
              variant="default"
              loading={busy}
              disabled={given === '' || problem !== null}
              data-testid={`${name}-save`}
            >
              {t('settings.secret.save')}
            </Button>
            {stored && (
              <Button variant="default" disabled={busy} onClick={() => void keep(null)}>
                {t('settings.secret.remove')}
              </Button>
            )}
          </div>
          <div id={`${name}-outcome`} role="status">
            {problem !== null && <p className={classes.problem}>{problem}</p>}
            {problem === null && refusal !== null && (
              <p className={classes.problem} data-testid={`${name}-refusal`}>
                {refusal}
              </p>
            )}
            <p className={classes.quiet}>{stored ? t(`settings.${name}.stored`) : t(`settings.${name}.missing`)}</p>
          </div>
        </form>
      }
    />
  );
}
