import { Tooltip, UnstyledButton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ScreenName } from '../../contract';
import { Mark } from '../components/Mark';
import { setRailCollapsed, showScreen, useUiStore } from '../stores/ui-store';
import classes from './Rail.module.css';
import { SCREENS, screensOf } from './screens';
import { screenKey, shortcutLabel } from './shortcuts';

/** Below this width the labels would take room the content needs. */
const NARROW = '(max-width: 900px)';

interface RailItemProps {
  readonly screen: ScreenName;
  readonly collapsed: boolean;
}

function RailItem({ screen, collapsed }: RailItemProps) {
  const { t } = useTranslation();
  const current = useUiStore((state) => state.screen === screen);
  const Shape = SCREENS[screen].icon;
  const label = t(`nav.${screen}`);
  const key = screenKey(screen);
  const shortcut = key === null ? null : shortcutLabel(key, window.tore.platform);
  const title = [collapsed ? label : null, shortcut].filter(Boolean).join(' · ');
  return (
    <li>
      <Tooltip label={title} position="right" disabled={title === ''}>
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
  const toggleLabel = chosen ? t('app.expandRail') : t('app.collapseRail');
  const ToggleShape = chosen ? IconLayoutSidebarLeftExpand : IconLayoutSidebarLeftCollapse;
  return (
    <nav className={classes.rail} data-collapsed={collapsed || undefined} aria-label={t('app.screens')}>
      <div className={classes.brand}>
        <Mark width={32} />
        {!collapsed && <span className={classes.name}>{t('app.name')}</span>}
      </div>
      <ul className={classes.list}>
        {screensOf('upper').map((screen) => (
          <RailItem key={screen} screen={screen} collapsed={collapsed} />
        ))}
      </ul>
      <ul className={classes.list}>
        {screensOf('lower').map((screen) => (
          <RailItem key={screen} screen={screen} collapsed={collapsed} />
        ))}
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
