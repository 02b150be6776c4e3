import {
  IconCpu,
  IconLayoutDashboard,
  IconListDetails,
  IconMessage,
  IconSettings,
  IconShieldCheck,
  type Icon,
} from '@tabler/icons-react';
import type { ScreenName } from '../../contract';

/** Icons of the rail. */
export const SCREEN_ICONS: Record<ScreenName, Icon> = {
  dashboard: IconLayoutDashboard,
  contribute: IconCpu,
  challenges: IconShieldCheck,
  chat: IconMessage,
  ledger: IconListDetails,
  settings: IconSettings,
};
