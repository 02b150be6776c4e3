import { useTranslation } from 'react-i18next';
import { useSnapshot } from '../../stores/snapshot-store';
import { AboutRow } from './AboutRow';
import { AccessTokenRow } from './AccessTokenRow';
import { CoordinatorRow } from './CoordinatorRow';
import { InvitationRow } from './InvitationRow';
import { JoinRow } from './JoinRow';
import { EnergyRow } from './EnergyRow';
import { LocalApiRow } from './LocalApiRow';
import { NotificationsRow } from './NotificationsRow';
import type { SearchableSetting } from './search-settings';
import {
  ChatDefaultsRow,
  EconomyRow,
  LanguageRow,
  LimitsRow,
  QuitRow,
  RegionRow,
  TextScaleRow,
  ThemeRow,
  TrayRow,
} from './simple-rows';
import { HiddenRow, RemoveDataRow, StartRow, UpdatesRow } from './system-rows';

export const SETTING_GROUPS = ['coordinator', 'contribution', 'window', 'chat', 'about'] as const;

export interface SettingItem extends SearchableSetting {
  readonly name: string;
  readonly group: (typeof SETTING_GROUPS)[number];
  readonly Row: () => React.JSX.Element | null;
}

/** Every setting that means something now, in order. */
export function useSettingItems(): SettingItem[] {
  const { t } = useTranslation();
  const embedded = useSnapshot(({ settings }) => settings.coordinator.kind === 'embedded');
  const item = (
    group: SettingItem['group'],
    name:
      | 'coordinator'
      | 'accessToken'
      | 'invitation'
      | 'join'
      | 'economy'
      | 'region'
      | 'limits'
      | 'theme'
      | 'language'
      | 'textScale'
      | 'tray'
      | 'start'
      | 'hidden'
      | 'updates'
      | 'removeData'
      | 'quit'
      | 'notifications'
      | 'energy'
      | 'chat'
      | 'localApi'
      | 'about',
    Row: SettingItem['Row'],
  ): SettingItem => ({
    group,
    name,
    Row,
    title: t(`settings.${name}.title`),
    hint: t(`settings.${name}.hint`),
    keywords: t(`settings.${name}.keywords`),
  });
  return [
    item('coordinator', 'coordinator', CoordinatorRow),
    ...(embedded
      ? [item('coordinator', 'join', JoinRow), item('coordinator', 'economy', EconomyRow)]
      : [item('coordinator', 'accessToken', AccessTokenRow), item('coordinator', 'invitation', InvitationRow)]),
    item('contribution', 'region', RegionRow),
    item('contribution', 'limits', LimitsRow),
    item('contribution', 'energy', EnergyRow),
    item('window', 'theme', ThemeRow),
    item('window', 'language', LanguageRow),
    item('window', 'textScale', TextScaleRow),
    item('window', 'tray', TrayRow),
    item('window', 'start', StartRow),
    item('window', 'hidden', HiddenRow),
    item('window', 'notifications', NotificationsRow),
    item('window', 'quit', QuitRow),
    item('chat', 'chat', ChatDefaultsRow),
    item('chat', 'localApi', LocalApiRow),
    item('about', 'updates', UpdatesRow),
    item('about', 'about', AboutRow),
    item('about', 'removeData', RemoveDataRow),
  ];
}
