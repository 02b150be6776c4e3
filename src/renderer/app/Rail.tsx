import { Tooltip, UnstyledButton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { SCREEN_NAMES, type ScreenName } from '../../contract';
import { Mark } from '../components/Mark';
import { setRailCollapsed, showScreen, useUiStore } from '../stores/ui-store';
import classes from './Rail.module.css';
import { SCREEN_ICONS } from './screens';
import { shortcutLabel } from './shortcuts';

/** Below this width the labels would take room the content needs. */
const NARROW = '(max-width: 900px)';

interface RailItemProps {
  readonly screen: ScreenName;
  readonly collapsed: boolean;
}

function RailItem({ screen, collapsed }: RailItemProps) {
  const { t } = useTranslation();
  const current = useUiStore((state) => state.screen === screen);
  const Shape = SCREEN_ICONS[screen];
  const label = t(`nav.${screen}`);
  const shortcut = shortcutLabel(String(SCREEN_NAMES.indexOf(screen) + 1), window.tore.platform);
  return (
    <li>
      <Tooltip label={collapsed ? `${label} (${shortcut})` : shortcut} position="right">
        <UnstyledButton
          className={classes.item}
          aria-current={current ? 'page' : undefined}
          aria-label={label}
          data-collapsed={collapsed || undefined}
          data-testid={`nav-${screen}`}
          onClick={() => showScreen(screen)}
        >
          <Shape size={20} stroke={1.5} aria-hidden="true" />
          {!collapsed && <span>{label}</span>}
        </UnstyledButton>
      </Tooltip>
    </li>
  );
}

/** The screens, as icons with labels. */
export function Rail() {
  const { t } = useTranslation();
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const chosen = useUiStore(({ railCollapsed }) => railCollapsed);
  const collapsed = narrow || chosen;
  const upper = SCREEN_NAMES.filter((screen) => screen !== 'settings');
  const toggleLabel = chosen ? t('app.expandRail') : t('app.collapseRail');
  const ToggleShape = chosen ? IconLayoutSidebarLeftExpand : IconLayoutSidebarLeftCollapse;
  return (
    <nav className={classes.rail} data-collapsed={collapsed || undefined} aria-label={t('app.screens')}>
      <div className={classes.brand}>
        <Mark width={32} />
        {!collapsed && <span className={classes.name}>{t('app.name')}</span>}
      </div>
      <ul className={classes.list}>
        {upper.map((screen) => (
          <RailItem key={screen} screen={screen} collapsed={collapsed} />
        ))}
      </ul>
      <ul className={classes.list}>
        <RailItem screen="settings" collapsed={collapsed} />
        {!narrow && (
          <li>
            <Tooltip label={toggleLabel} position="right" disabled={!collapsed}>
              <UnstyledButton
                className={classes.item}
                data-collapsed={collapsed || undefined}
                aria-label={toggleLabel}
                onClick={() => setRailCollapsed(!chosen)}
              >
                <ToggleShape size={20} stroke={1.5} aria-hidden="true" />
                {!collapsed && <span>{toggleLabel}</span>}
              </UnstyledButton>
            </Tooltip>
          </li>
        )}
      </ul>
    </nav>
  );
}
