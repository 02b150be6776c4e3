import { useTranslation } from 'react-i18next';
import { Challenges } from '../features/challenges/Challenges';
import { Chat } from '../features/chat/Chat';
import { Contribute } from '../features/contribute/Contribute';
import { Dashboard } from '../features/dashboard/Dashboard';
import { Ledger } from '../features/ledger/Ledger';
import { Settings } from '../features/settings/Settings';
import type { ScreenName } from '../../contract';
import { useUiStore } from '../stores/ui-store';
import { ErrorBoundary } from './ErrorBoundary';
import { Rail } from './Rail';
import classes from './Shell.module.css';
import { StatusLine } from './StatusLine';

const SCREENS: Record<ScreenName, () => React.JSX.Element> = {
  dashboard: Dashboard,
  contribute: Contribute,
  challenges: Challenges,
  chat: Chat,
  ledger: Ledger,
  settings: Settings,
};

/** Rail at the left, status line on top, the chosen screen below. */
export function Shell() {
  const { t } = useTranslation();
  const screen = useUiStore(({ screen }) => screen);
  const Content = SCREENS[screen];
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        {t('app.skipToContent')}
      </a>
      <Rail />
      <div className={classes.column}>
        <StatusLine />
        <main id="content" className={classes.content} tabIndex={-1}>
          <ErrorBoundary key={screen}>
            <Content />
          </ErrorBoundary>
        </main>
      </div>
    </div>
  );
}
