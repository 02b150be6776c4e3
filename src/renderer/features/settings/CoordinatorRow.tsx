import { Button, Radio, TextInput } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { changeSettings } from '../../app/change-settings';
import { CoordinatorTokenField } from '../../components/CoordinatorTokenField';
import { SettingRow } from '../../components/SettingRow';
import { failureText } from '../../format/failures';
import { useSnapshot } from '../../stores/snapshot-store';
import { useCoordinatorCheck } from '../../stores/use-coordinator-check';
import { usePicked } from '../../stores/use-picked';
import classes from './Settings.module.css';

function EmbeddedState() {
  const { t } = useTranslation();
  const state = useSnapshot((snapshot) => snapshot.embeddedCoordinator);
  switch (state.kind) {
    case 'running':
      return <p className={classes.quiet}>{t('settings.coordinator.running', { url: state.url })}</p>;
    case 'starting':
      return <p className={classes.quiet}>{t('settings.coordinator.starting')}</p>;
    case 'off':
      return null;
    case 'failed':
      return (
        <p className={classes.problem} role="alert">
          {failureText(state.error)}
        </p>
      );
  }
}

function RemoteForm({ currentUrl }: { readonly currentUrl: string | null }) {
  const { t } = useTranslation();
  const [url, setUrl] = useState(currentUrl ?? '');
  const checking = useCoordinatorCheck();
  const { found, failure } = checking;

  const checkAndUse = async (): Promise<void> => {
    const answered = await checking.check(url);
    if (answered !== null) await changeSettings({ coordinator: { kind: 'remote', url: answered.url } });
  };

  return (
    <form
      className={classes.remote}
      onSubmit={(event) => {
        event.preventDefault();
        if (url.trim() !== '') void checkAndUse();
      }}
    >
      <div className={classes.inline}>
        <TextInput
          className={classes.grow ?? ''}
          label={t('settings.coordinator.url')}
          placeholder={t('settings.coordinator.urlPlaceholder')}
          value={url}
          inputMode="url"
          spellCheck={false}
          error={failure !== null}
          aria-describedby="coordinator-outcome"
          onChange={(event) => {
            setUrl(event.currentTarget.value);
            checking.forget();
          }}
          data-testid="coordinator-url"
        />
        <Button type="submit" variant="default" loading={checking.checking} disabled={url.trim() === ''}>
          {t('settings.coordinator.use')}
        </Button>
      </div>
      <div id="coordinator-outcome" role="status">
        {failure !== null && <p className={classes.problem}>{failureText(failure)}</p>}
        {found !== null && (
          <p className={classes.found}>
            <IconCircleCheck size={18} stroke={1.5} aria-hidden="true" />
            <span>
              {t('welcome.where.found', { name: found.name, version: found.version })}{' '}
              {found.tokenMode ? t('welcome.where.foundTokens') : t('welcome.where.foundNoTokens')}
            </span>
          </p>
        )}
        {failure === null && found === null && currentUrl !== null && (
          <p className={classes.quiet}>{t('settings.coordinator.inUse', { url: currentUrl })}</p>
        )}
      </div>
      <CoordinatorTokenField checking={checking} />
    </form>
  );
}

/** The coordinator of this app: its own, or one reached by a URL. */
export function CoordinatorRow() {
  const { t } = useTranslation();
  const choice = useSnapshot(({ settings }) => settings.coordinator);
  // The URL is entered and checked before it becomes the choice.
  const [shown, setShown] = usePicked(choice.kind);
  const pick = (kind: string): void => {
    if (kind === 'remote') void setShown('remote');
    else if (choice.kind === 'embedded') void setShown('embedded');
    else void setShown('embedded', changeSettings({ coordinator: { kind: 'embedded' } }));
  };
  return (
    <SettingRow
      title={t('settings.coordinator.title')}
      hint={t('settings.coordinator.hint')}
      below={
        <div className={classes.choices}>
          <Radio.Group value={shown} onChange={pick} aria-label={t('settings.coordinator.title')}>
            <div className={classes.radios}>
              <Radio
                value="embedded"
                label={t('settings.coordinator.embedded')}
                description={t('settings.coordinator.embeddedHint')}
              />
              <Radio
                value="remote"
                label={t('settings.coordinator.remote')}
                description={t('settings.coordinator.remoteHint')}
              />
            </div>
          </Radio.Group>
          {shown === 'embedded' ? (
            <EmbeddedState />
          ) : (
            <RemoteForm currentUrl={choice.kind === 'remote' ? choice.url : null} />
          )}
        </div>
      }
    />
  );
}
