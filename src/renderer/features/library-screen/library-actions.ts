import { notifications } from '@mantine/notifications';
import i18next from 'i18next';
import type { LibraryExportFormat } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { notifyDeleted } from '../../app/notify-deleted';
import { closeIfOpen, openProject, setSelected } from '../../stores/library-store';
import { forgetConversation } from '../../stores/chat-store';
import { formatCount } from '../../format/numbers';

/** Moves conversations to the bin and offers to take them back. */
export async function deleteConversations(ids: readonly string[]): Promise<void> {
  const result = await callOrNotify('deleteConversation', 'library:delete', { ids: [...ids] });
  if (!result.ok) return;
  closeIfOpen(ids);
  ids.forEach(forgetConversation);
  setSelected(new Set());
  notifyDeleted(ids);
}

export async function restoreConversations(ids: readonly string[]): Promise<void> {
  const result = await callOrNotify('restore', 'library:restore', { ids: [...ids] });
  if (result.ok) setSelected(new Set());
}

/** Writes conversations where the person says, and tells where they are. */
export async function exportConversations(ids: readonly string[], format: LibraryExportFormat): Promise<void> {
  const result = await callOrNotify('export', 'library:export', { ids: [...ids], format });
  if (result.ok && result.value !== null) notifyExported(result.value);
}

export async function exportProject(id: string): Promise<void> {
  const result = await callOrNotify('export', 'project:export', { id });
  if (result.ok && result.value !== null) notifyExported(result.value);
}

function notifyExported(outcome: { path: string; written: number; leftOutFiles: readonly string[] }): void {
  const leftOut =
    outcome.leftOutFiles.length === 0
      ? ''
      : ` ${i18next.t('library.exportLeftOut', { names: outcome.leftOutFiles.join(', ') })}`;
  notifications.show({
    title: i18next.t('library.exported', { count: outcome.written, shown: formatCount(outcome.written) }),
    message: `${outcome.path}${leftOut}`,
    closeButtonProps: { 'aria-label': i18next.t('common.close') },
  });
}

/** Makes a project of conversations and shows it. */
export async function createProject(name: string, ids: readonly string[]): Promise<void> {
  const result = await callOrNotify('project', 'project:create', { name, ids: [...ids] });
  if (!result.ok) return;
  setSelected(new Set());
  openProject(result.value);
}

/** Lets the system take conversations along with the pointer, as files. */
export function dragOut(event: React.DragEvent, ids: readonly string[]): void {
  // The page's own drag would carry text; the system's carries files.
  event.preventDefault();
  void callOrNotify('drag', 'library:start-drag', { ids: [...ids] });
}
