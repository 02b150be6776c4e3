import {
  IconAlertTriangle,
  IconArrowDownLeft,
  IconArrowUpRight,
  IconDownload,
  IconInfoCircle,
  IconMessageCircle,
  IconPlayerPause,
  IconPlugConnected,
  IconRoute,
  IconShieldCheck,
  IconToggleRight,
  type Icon,
} from '@tabler/icons-react';
import type { LogKind } from '../../../contract';

export const LOG_ICONS: Readonly<Record<LogKind, Icon>> = {
  policy: IconToggleRight,
  connection: IconPlugConnected,
  request: IconMessageCircle,
  earning: IconArrowDownLeft,
  spending: IconArrowUpRight,
  challenge: IconShieldCheck,
  coverage: IconRoute,
  snooze: IconPlayerPause,
  update: IconDownload,
  notice: IconInfoCircle,
  error: IconAlertTriangle,
};
