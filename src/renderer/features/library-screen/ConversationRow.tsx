import { Checkbox, UnstyledButton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { LibraryEntry } from '../../../contract';
import { formatAgo } from '../../format/times';
import { platformName } from './platform-name';
import classes from './ConversationRow.module.css';

interface ConversationRowProps {
  readonly entry: LibraryEntry;
  readonly nowMs: number;
  readonly isOpen: boolean;
  readonly isSelected: boolean;
  /** Boxes are in sight when anything is chosen, else when the row is pointed at. */
  readonly isChoosing: boolean;
  readonly onOpen: () => void;
  readonly onSelect: (extend: boolean) => void;
  readonly onDragStart: (event: React.DragEvent) => void;
}

/** One line of the list; it can be dragged out of the window as a file. */
export function ConversationRow(props: ConversationRowProps) {
  const { t } = useTranslation();
  const { entry, nowMs, isOpen, isSelected, isChoosing, onOpen, onSelect, onDragStart } = props;
  const title = entry.title.trim() || t('chat.untitled');
  return (
    <div
      className={classes.row}
      data-current={isOpen || undefined}
      data-choosing={isChoosing || undefined}
      draggable
      onDragStart={onDragStart}
      data-testid="library-row"
    >
      <Checkbox
        className={classes.check ?? ''}
        size="xs"
        aria-label={t('library.select', { title })}
        checked={isSelected}
        onChange={() => undefined}
        onClick={(event) => onSelect(event.shiftKey)}
      />
      <UnstyledButton
        className={classes.open}
        aria-current={isOpen ? 'true' : undefined}
        title={title}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) onSelect(event.shiftKey);
          else onOpen();
        }}
      >
        <span className={classes.title}>{title}</span>
        <span className={classes.about}>
          {[
            platformName(entry.platform),
            formatAgo(t, entry.updatedAt, nowMs),
            t('library.messages', { count: entry.messageCount }),
          ].join(' · ')}
        </span>
        {entry.tags.length > 0 && <span className={classes.tags}>{entry.tags.map((tag) => `#${tag}`).join(' ')}</span>}
      </UnstyledButton>
    </div>
  );
}
