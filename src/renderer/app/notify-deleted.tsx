import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import i18next from 'i18next';
import { callOrNotify } from './notify';
import classes from './App.module.css';

/** Long enough to notice a mistake; afterwards the bin has it. */
const SHOWN_MS = 10_000;

interface DeletedNoteProps {
  readonly text: string;
  readonly onUndo: () => void;
}

function DeletedNote({ text, onUndo }: DeletedNoteProps) {
  return (
    <div className={classes.undo}>
      <span>{text}</span>
      <Button variant="default" size="xs" onClick={onUndo} data-testid="undo-delete">
        {i18next.t('library.undo')}
      </Button>
    </div>
  );
}

function show(text: string, undo: () => Promise<unknown>): void {
  const id = notifications.show({
    message: (
      <DeletedNote
        text={text}
        onUndo={() => {
          notifications.hide(id);
          void undo();
        }}
      />
    ),
    autoClose: SHOWN_MS,
    closeButtonProps: { 'aria-label': i18next.t('common.close') },
  });
}

/** Says that conversations are in the bin and offers to take them back. */
export function notifyDeleted(ids: readonly string[]): void {
  show(i18next.t('library.deleted', { count: ids.length }), () =>
    callOrNotify('restore', 'library:restore', { ids: [...ids] }),
  );
}

/** The same for a project. */
export function notifyProjectDeleted(id: string): void {
  show(i18next.t('library.projectDeleted'), () =>
    callOrNotify('restore', 'project:set-deleted', { id, deleted: false }),
  );
}
