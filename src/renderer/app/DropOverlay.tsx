import { IconFileImport } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatCount } from '../format/numbers';
import { useUiStore } from '../stores/ui-store';
import classes from './DropOverlay.module.css';
import { notifyFailure } from './notify';

/** Whether a drag brings files from outside; text and links that are dragged inside the page do not count. */
function bringsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') === true;
}

/** Where models are shown, what is dropped is a model; everywhere else it goes to the library. */
const takesModels = ({ screen, contributeTab }: ReturnType<typeof useUiStore.getState>): boolean =>
  screen === 'contribute' && contributeTab === 'models';

async function importFiles(files: readonly File[]): Promise<void> {
  const isModel = takesModels(useUiStore.getState());
  const result = isModel ? await window.tore.importModels(files) : await window.tore.importFiles(files);
  if (!result.ok) notifyFailure(isModel ? 'importModel' : 'import', result.error);
}

/** Takes files dropped anywhere on the window, and says before they fall what will happen to them. */
export function DropOverlay() {
  const { t } = useTranslation();
  const [count, setCount] = useState<number | null>(null);
  const isModel = useUiStore(takesModels);
  useEffect(() => {
    // Every element the pointer crosses tells of it; the drag is over when as many were left as entered.
    let depth = 0;
    const end = (): void => {
      depth = 0;
      setCount(null);
    };
    const onEnter = (event: DragEvent): void => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      depth += 1;
      setCount(event.dataTransfer?.items.length ?? 0);
    };
    const onOver = (event: DragEvent): void => {
      if (!bringsFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
    };
    const onLeave = (event: DragEvent): void => {
      if (!bringsFiles(event)) return;
      depth -= 1;
      if (depth <= 0) end();
    };
    const onDrop = (event: DragEvent): void => {
      // Without this the page would try to go to what was dropped.
      event.preventDefault();
      end();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) void importFiles(files);
    };
    window.addEventListener('dragenter', onEnter);
    window.addEventListener('dragover', onOver);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragenter', onEnter);
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, []);
  if (count === null) return null;
  return (
    <div className={classes.overlay} data-testid="drop-overlay">
      <div className={classes.note} role="status">
        <IconFileImport size={40} stroke={1.5} aria-hidden="true" />
        <p className={classes.title}>
          {isModel ? t('models.dropTitle') : t('library.dropTitle', { count, shown: formatCount(count) })}
        </p>
        <p className={classes.body}>{t(isModel ? 'models.dropBody' : 'library.dropBody')}</p>
      </div>
    </div>
  );
}
