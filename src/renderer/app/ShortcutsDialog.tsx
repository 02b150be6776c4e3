import { Kbd, Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { SCREEN_NAMES } from '../../contract';
import { setShortcutsOpen, useUiStore } from '../stores/ui-store';
import { screenKey, shortcutLabel } from './shortcuts';
import classes from './ShortcutsDialog.module.css';

interface ShortcutRow {
  readonly label: string;
  readonly key: string;
}

function Rows({ title, rows }: { readonly title: string; readonly rows: readonly ShortcutRow[] }) {
  return (
    <section>
      <h3 className={classes.group}>{title}</h3>
      <dl className={classes.rows}>
        {rows.map(({ label, key }) => (
          <div key={label} className={classes.row}>
            <dt>{label}</dt>
            <dd>
              <Kbd>{key}</Kbd>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The keys that work everywhere in the window. */
export function ShortcutsDialog() {
  const { t } = useTranslation();
  const open = useUiStore(({ shortcutsOpen }) => shortcutsOpen);
  const withCommand = (key: string): string => shortcutLabel(key, window.tore.platform);
  const screens = SCREEN_NAMES.flatMap((screen) => {
    const key = screenKey(screen);
    return key === null ? [] : [{ label: t(`nav.${screen}`), key: withCommand(key) }];
  });
  return (
    <Modal
      opened={open}
      onClose={() => setShortcutsOpen(false)}
      title={t('shortcuts.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      size={520}
    >
      <div className={classes.groups}>
        <Rows
          title={t('shortcuts.everywhere')}
          rows={[
            { label: t('shortcuts.palette'), key: withCommand('K') },
            { label: t('palette.newChat'), key: withCommand('N') },
            { label: t('shortcuts.title'), key: withCommand('/') },
            { label: t('shortcuts.close'), key: 'Esc' },
          ]}
        />
        <Rows title={t('palette.screens')} rows={screens} />
        <Rows
          title={t('nav.chat')}
          rows={[
            { label: t('shortcuts.send'), key: 'Enter' },
            { label: t('shortcuts.newLine'), key: 'Shift+Enter' },
          ]}
        />
      </div>
    </Modal>
  );
}
