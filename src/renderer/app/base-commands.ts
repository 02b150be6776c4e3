import i18next from 'i18next';
import {
  IconFileReport,
  IconHeartRateMonitor,
  IconHelpCircle,
  IconKeyboard,
  IconMessagePlus,
  IconPlayerPause,
  IconPlayerPlay,
} from '@tabler/icons-react';
import { SCREEN_NAMES } from '../../contract';
import { useSnapshotStore } from '../stores/snapshot-store';
import { helpPages } from '../features/help/help-pages';
import { CONTRIBUTE_TABS, setShortcutsOpen, showContributeTab, showHelp, showScreen } from '../stores/ui-store';
import { registerCommands } from './commands';
import { callOrNotify } from './notify';
import { PAUSE_CHOICES, pauseFor } from './pause-choices';
import { SCREENS } from './screens';
import { screenKey, shortcutLabel } from './shortcuts';
import { startNewChat } from './start-new-chat';

/** The commands of the frame itself: screens, pausing and resuming, a new chat, the list of shortcuts. */
export function registerBaseCommands(): () => void {
  const ends = [
    registerCommands('screens', (t) =>
      SCREEN_NAMES.map((screen) => {
        const key = screenKey(screen);
        return {
          id: `screen:${screen}`,
          group: t('palette.screens'),
          label: t(`nav.${screen}`),
          shortcut: key === null ? undefined : shortcutLabel(key, window.tore.platform),
          icon: SCREENS[screen].icon,
          run: () => showScreen(screen),
        };
      }),
    ),
    registerCommands('contribute', (t) =>
      CONTRIBUTE_TABS.map((tab) => ({
        id: `contribute:${tab}`,
        group: t('palette.screens'),
        label: t(`contribute.tab.${tab}`),
        icon: SCREENS.contribute.icon,
        run: () => {
          showContributeTab(tab);
          showScreen('contribute');
        },
      })),
    ),
    registerCommands('work', (t) => {
      const state = useSnapshotStore.getState().snapshot?.node.state;
      const group = t('palette.work');
      const paused = state?.kind === 'paused' && (state.reason.kind === 'user' || state.reason.kind === 'snoozed');
      if (paused) {
        return [
          {
            id: 'work:resume',
            group,
            label: t('statusLine.resume'),
            icon: IconPlayerPlay,
            run: () => void callOrNotify('resume', 'node:resume', null),
          },
        ];
      }
      return PAUSE_CHOICES.map((choice) => ({
        id: `work:pause-${choice}`,
        group,
        label: t('palette.pause', { time: t(`statusLine.${choice}`) }),
        keywords: t('palette.pauseKeywords'),
        icon: IconPlayerPause,
        run: () => void pauseFor(choice),
      }));
    }),
    registerCommands('frame', (t) => [
      {
        id: 'chat:new',
        group: t('palette.actions'),
        label: t('palette.newChat'),
        shortcut: shortcutLabel('N', window.tore.platform),
        icon: IconMessagePlus,
        run: () => startNewChat(),
      },
      {
        id: 'help:shortcuts',
        group: t('palette.actions'),
        label: t('shortcuts.title'),
        shortcut: shortcutLabel('/', window.tore.platform),
        icon: IconKeyboard,
        run: () => setShortcutsOpen(true),
      },
    ]),
  ];
  ends.push(
    registerCommands('help', (t) => [
      ...helpPages(i18next.language === 'tr' ? 'tr' : 'en').map(({ topic, title }) => ({
        id: `help:${topic}`,
        group: t('help.palette'),
        label: title,
        icon: IconHelpCircle,
        run: () => showHelp(topic),
      })),
      {
        id: 'help:self-test',
        group: t('help.palette'),
        label: t('help.selfTest.title'),
        icon: IconHeartRateMonitor,
        run: () => showHelp('self-test'),
      },
      {
        id: 'help:report',
        group: t('help.palette'),
        label: t('help.report.title'),
        icon: IconFileReport,
        run: () => showHelp('report'),
      },
    ]),
  );
  return () => ends.forEach((end) => end());
}
