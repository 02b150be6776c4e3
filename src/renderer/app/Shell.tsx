import { useTranslation } from 'react-i18next';
import { useUiStore } from '../stores/ui-store';
import { CommandPalette } from './CommandPalette';
import { ErrorBoundary } from './ErrorBoundary';
import { JoinQuestion } from './JoinQuestion';
import { Rail } from './Rail';
import classes from './Shell.module.css';
import { SCREENS } from './screens';
import { ShortcutsDialog } from './ShortcutsDialog';
import { StatusLine } from './StatusLine';

/** Rail at the left, status line on top, the chosen screen below. */
export function Shell() {
  const { t } = useTranslation();
  const screen = useUiStore(({ screen }) => screen);
  const { Content } = SCREENS[screen];
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
      <CommandPalette />
      <ShortcutsDialog />
      <JoinQuestion />
    </div>
  );
}
