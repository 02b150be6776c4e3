import { Button, NumberInput, Switch, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LocalApiSettings, LocalApiView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { SettingRow } from '../../components/SettingRow';
import { failureText } from '../../format/failures';
import { formatDay } from '../../format/times';
import classes from './Settings.module.css';

const LOWEST_PORT = 1_024;
const HIGHEST_PORT = 65_535;

interface KeysProps {
  readonly view: LocalApiView;
  readonly onView: (view: LocalApiView) => void;
}

/** The keys of the endpoint: made, shown once, removed. */
function LocalApiKeys({ view, onView }: KeysProps) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [made, setMade] = useState<string | null>(null);

  const create = async (): Promise<void> => {
    const result = await callOrNotify('localApi', 'local-api:create-key', { name });
    if (!result.ok) return;
    setName('');
    setMade(result.value.key);
    onView(result.value.view);
  };
  const remove = async (keyId: string): Promise<void> => {
    const result = await callOrNotify('localApi', 'local-api:remove-key', { keyId });
    if (result.ok) onView(result.value);
  };

  return (
    <>
      <form
        className={classes.inline}
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <TextInput
          className={classes.grow ?? ''}
          label={t('settings.localApi.keyName')}
          placeholder={t('settings.localApi.keyNamePlaceholder')}
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" data-testid="api-key-create">
          {t('settings.localApi.createKey')}
        </Button>
      </form>
      {made !== null && (
        <div className={classes.joinItem} role="status">
          <p className={classes.quiet}>{t('settings.localApi.shownOnce')}</p>
          <div className={classes.secret}>
            <code data-testid="api-key">{made}</code>
            <CopyButton text={made} label={t('settings.localApi.copyKey')} />
          </div>
        </div>
      )}
      {view.keys.length > 0 && (
        <ul className={classes.keys} aria-label={t('settings.localApi.keys')}>
          {view.keys.map((key) => (
            <li key={key.id}>
              <span className={classes.keyName}>{key.name}</span>
              <span className={classes.quiet}>
                <code>{key.hint}…</code> {t('settings.localApi.madeOn', { date: formatDay(new Date(key.createdAt)) })}
              </span>
              <Button
                variant="subtle"
                color="coral"
                size="compact-sm"
                aria-label={t('settings.localApi.removeKey', { name: key.name })}
                onClick={() => void remove(key.id)}
              >
                {t('settings.localApi.remove')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** The endpoint with which editors and scripts of this computer ask the cooperative. */
export function LocalApiRow() {
  const { t } = useTranslation();
  const [view, setView] = useState<LocalApiView | null>(null);
  const [port, setPort] = useState<number | string>('');

  useEffect(() => {
    let current = true;
    void callOrNotify('localApi', 'local-api:get', null).then((result) => {
      if (!current || !result.ok) return;
      setView(result.value);
      setPort(result.value.settings.port);
    });
    return () => {
      current = false;
    };
  }, []);

  const configure = async (change: Partial<LocalApiSettings>): Promise<void> => {
    if (view === null) return;
    const result = await callOrNotify('localApi', 'local-api:configure', { ...view.settings, ...change });
    if (result.ok) setView(result.value);
  };
  const wantedPort = typeof port === 'number' && port >= LOWEST_PORT && port <= HIGHEST_PORT ? port : null;
  const enabled = view?.settings.enabled ?? false;

  return (
    <SettingRow
      title={t('settings.localApi.title')}
      hint={t('settings.localApi.hint')}
      below={
        view !== null &&
        enabled && (
          <div className={classes.remote}>
            {view.baseUrl !== null && (
              <div className={classes.joinItem}>
                <p className={classes.quiet}>{t('settings.localApi.baseUrl')}</p>
                <div className={classes.secret}>
                  <code data-testid="api-base-url">{view.baseUrl}</code>
                  <CopyButton text={view.baseUrl} label={t('settings.localApi.copyUrl')} />
                </div>
              </div>
            )}
            {view.error !== null && (
              <p className={classes.problem} role="alert">
                {failureText(view.error)}
              </p>
            )}
            <form
              className={classes.inline}
              onSubmit={(event) => {
                event.preventDefault();
                if (wantedPort !== null) void configure({ port: wantedPort });
              }}
            >
              <NumberInput
                className={classes.grow ?? ''}
                label={t('settings.localApi.port')}
                min={LOWEST_PORT}
                max={HIGHEST_PORT}
                allowDecimal={false}
                hideControls
                value={port}
                onChange={setPort}
              />
              <Button
                type="submit"
                variant="default"
                disabled={wantedPort === null || (wantedPort === view.settings.port && view.error === null)}
              >
                {t('settings.localApi.usePort')}
              </Button>
            </form>
            <LocalApiKeys view={view} onView={setView} />
          </div>
        )
      }
    >
      <Switch
        checked={enabled}
        disabled={view === null}
        label={t('settings.localApi.label')}
        data-testid="api-enabled"
        onChange={(event) => void configure({ enabled: event.currentTarget.checked })}
      />
    </SettingRow>
  );
}
