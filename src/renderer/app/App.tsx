import { MantineProvider } from '@mantine/core';
import { useColorScheme } from '@mantine/hooks';
import { Notifications } from '@mantine/notifications';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { languageOf } from '../../contract';
import { Mark } from '../components/Mark';
import { Welcome } from '../features/welcome/Welcome';
import { failureText } from '../format/failures';
import { useSnapshotStore } from '../stores/snapshot-store';
import { setLanguage } from '../i18n/i18n';
import { setWelcomeOpen, useUiStore } from '../stores/ui-store';
import classes from './App.module.css';
import { DropOverlay } from './DropOverlay';
import { ErrorBoundary } from './ErrorBoundary';
import { ImportPanel } from './ImportPanel';
import { LinkQuestion } from './LinkQuestion';
import { Shell } from './Shell';
import { cssVariablesResolver, theme } from './theme';
import { useWindowEvents } from './use-window-events';

/** Until the first snapshot is here. */
function StartScreen() {
  const { t } = useTranslation();
  const failure = useSnapshotStore(({ failure }) => failure);
  return (
    <main className={classes.start} aria-busy={failure === null}>
      <Mark width={96} />
      {failure === null ? (
        <div role="status">
          <h1 className={classes.startTitle}>{t('app.loading')}</h1>
        </div>
      ) : (
        <div className={classes.startText} role="alert">
          <h1 className={classes.startTitle}>{t('app.loadingFailed')}</h1>
          <p>
            {failureText(failure)} {t('app.loadingRetry')}
          </p>
        </div>
      )}
    </main>
  );
}

function Content() {
  const consented = useSnapshotStore(({ snapshot }) =>
    snapshot === null ? null : snapshot.settings.consentAt !== null,
  );
  const welcomeOpen = useUiStore(({ welcomeOpen }) => welcomeOpen);
  useEffect(() => {
    if (consented !== null && useUiStore.getState().welcomeOpen === null) setWelcomeOpen(!consented);
  }, [consented]);
  if (consented === null || welcomeOpen === null) return <StartScreen />;
  return welcomeOpen ? <Welcome /> : <Shell />;
}

/** The whole window. */
export function App() {
  useWindowEvents();
  const system = useColorScheme('light', { getInitialValueInEffect: false });
  const choice = useSnapshotStore(({ snapshot }) => snapshot?.settings.theme ?? 'system');
  const language = useSnapshotStore(({ snapshot }) => snapshot?.settings.language ?? 'system');
  // Drawn again with the new language as a whole: numbers and dates are formatted while drawing.
  useTranslation();
  useEffect(() => setLanguage(languageOf(language, navigator.languages)), [language]);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariablesResolver}
      forceColorScheme={choice === 'system' ? system : choice}
    >
      <Notifications className={classes.notifications ?? ''} position="top-right" limit={3} />
      <ErrorBoundary>
        <Content />
        <ImportPanel />
        <LinkQuestion />
        <DropOverlay />
      </ErrorBoundary>
    </MantineProvider>
  );
}
