import {
  IconBooks,
  IconChartBar,
  IconCpu,
  IconHelpCircle,
  IconLayoutDashboard,
  IconListDetails,
  IconMessage,
  IconServerCog,
  IconMessages,
  IconSettings,
  IconShieldCheck,
  IconUsersGroup,
  type Icon,
} from '@tabler/icons-react';
import { SCREEN_NAMES, type ScreenName } from '../../contract';
import { Administration } from '../features/administration/Administration';
import { Challenges } from '../features/challenges/Challenges';
import { Chat } from '../features/chat/Chat';
import { Contribute } from '../features/contribute/Contribute';
import { Dashboard } from '../features/dashboard/Dashboard';
import { Discovery } from '../features/discovery/Discovery';
import { Help } from '../features/help/Help';
import { Ledger } from '../features/ledger/Ledger';
import { Library } from '../features/library-screen/Library';
import { Statistics } from '../features/statistics/Statistics';
import { Sessions } from '../features/sessions/Sessions';
import { Settings } from '../features/settings/Settings';

export interface ScreenDefinition {
  /** Where the rail shows it: with the screens of daily use, or with what is needed now and then at its foot. */
  readonly group: 'upper' | 'lower';
  readonly icon: Icon;
  readonly Content: () => React.JSX.Element;
}

/** What every screen is made of. A new screen is a name in the contract, an entry here and its label under `nav`. */
export const SCREENS: Readonly<Record<ScreenName, ScreenDefinition>> = {
  dashboard: { group: 'upper', icon: IconLayoutDashboard, Content: Dashboard },
  contribute: { group: 'upper', icon: IconCpu, Content: Contribute },
  challenges: { group: 'upper', icon: IconShieldCheck, Content: Challenges },
  chat: { group: 'upper', icon: IconMessage, Content: Chat },
  library: { group: 'upper', icon: IconBooks, Content: Library },
  discovery: { group: 'upper', icon: IconUsersGroup, Content: Discovery },
  sessions: { group: 'upper', icon: IconMessages, Content: Sessions },
  ledger: { group: 'upper', icon: IconListDetails, Content: Ledger },
  statistics: { group: 'upper', icon: IconChartBar, Content: Statistics },
  administration: { group: 'lower', icon: IconServerCog, Content: Administration },
  help: { group: 'lower', icon: IconHelpCircle, Content: Help },
  settings: { group: 'lower', icon: IconSettings, Content: Settings },
};

/** The screens of a group, in the order of the rail. */
export function screensOf(group: ScreenDefinition['group']): readonly ScreenName[] {
  return SCREEN_NAMES.filter((screen) => SCREENS[screen].group === group);
}
