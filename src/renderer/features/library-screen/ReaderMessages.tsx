import { ActionIcon, Menu } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { IconDots, IconEyeOff } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PartView, Reading, ReadingMessage } from '../../../protocol/conversation/reading';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { BranchSwitch } from '../../components/message/BranchSwitch';
import { Parts } from '../../components/message/Parts';
import { formatExactTime } from '../../format/times';
import { openProject, showReadBranch } from '../../stores/library-store';
import classes from './Reader.module.css';

/** Height of a message before it was measured. */
const GUESSED_PX = 160;

/** The words of a message, as they are put on the clipboard. */
function wordsOf(parts: readonly PartView[]): string {
  return parts
    .map((part) =>
      part.kind === 'text' || part.kind === 'thinking' ? part.text : part.kind === 'code' ? part.code : '',
    )
    .filter((text) => text !== '')
    .join('\n\n');
}

interface MessageProps {
  readonly conversationId: string;
  readonly message: ReadingMessage;
  readonly isFirst: boolean;
  readonly isMarked: boolean;
  readonly onContinue: (through: string) => void;
}

function MessageMenu({ conversationId, message, isFirst, onContinue }: Omit<MessageProps, 'isMarked'>) {
  const { t } = useTranslation();
  const split = async (): Promise<void> => {
    const result = await callOrNotify('split', 'library:split', { id: conversationId, messageId: message.id });
    if (result.ok) openProject(result.value.projectId);
  };
  return (
    <Menu position="bottom-end" width={248}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('message.more')} data-testid="message-menu">
          <IconDots size={16} stroke={1.5} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => onContinue(message.id)}>{t('library.continueFromHere')}</Menu.Item>
        <Menu.Item disabled={isFirst} onClick={() => void split()} data-testid="message-split">
          {t('library.splitHere')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Message(props: MessageProps) {
  const { t } = useTranslation();
  const { conversationId, message, isMarked } = props;
  const { role, author, model, createdAt, isHidden, parts, branch } = message;
  const words = wordsOf(parts);
  const name = role === 'model' ? (model ?? author ?? t('message.role.model')) : (author ?? t(`message.role.${role}`));
  return (
    <article
      className={classes.message}
      data-role={role}
      data-marked={isMarked || undefined}
      data-hidden={isHidden || undefined}
      aria-label={name}
      data-testid="reader-message"
    >
      <div className={classes.messageHead}>
        <span className={classes.name}>{name}</span>
        {isHidden && (
          <span className={classes.hiddenNote}>
            <IconEyeOff size={14} stroke={1.5} aria-hidden="true" />
            {t('message.hidden')}
          </span>
        )}
        <span className={classes.time}>{createdAt === null ? '' : formatExactTime(createdAt)}</span>
        <BranchSwitch place={branch} onShow={(id) => showReadBranch(conversationId, id)} />
        {words !== '' && <CopyButton text={words} />}
        <MessageMenu {...props} />
      </div>
      {isHidden || role === 'system' ? (
        <details className={classes.folded}>
          <summary>{t('message.showHidden')}</summary>
          <Parts conversationId={conversationId} parts={parts} />
        </details>
      ) : (
        <Parts conversationId={conversationId} parts={parts} />
      )}
    </article>
  );
}

interface ReaderMessagesProps {
  readonly reading: Reading;
  readonly at: string | null;
  readonly onContinue: (through: string) => void;
}

/** The messages of one branch; of thousands only those in sight exist. */
export function ReaderMessages({ reading, at, onContinue }: ReaderMessagesProps) {
  const { t } = useTranslation();
  const scrollRef = useRef<HTMLDivElement>(null);
  // Products keep empty hidden messages to hang the tree on; there is nothing to read in them.
  const messages = reading.messages.filter((message) => !message.isHidden || wordsOf(message.parts) !== '');
  const [marked, setMarked] = useState<string | null>(null);
  // What the rule fears is the React compiler, which is not used here.
  // oxlint-disable-next-line react/incompatible-library
  const virtual = useVirtualizer({
    count: messages.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => GUESSED_PX,
    getItemKey: (index) => messages[index]?.id ?? index,
    overscan: 4,
  });
  const index = at === null ? -1 : messages.findIndex(({ id }) => id === at);
  useEffect(() => {
    if (index < 0) return;
    virtual.scrollToIndex(index, { align: 'start' });
    setMarked(at);
  }, [index, at, virtual]);
  return (
    <div ref={scrollRef} className={classes.scroll} role="region" aria-label={t('library.reader')} tabIndex={0}>
      <ol className={classes.messages} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index: position, key, start }) => {
          const message = messages[position];
          if (message === undefined) return null;
          return (
            <li
              key={key}
              ref={virtual.measureElement}
              data-index={position}
              className={classes.messageItem}
              style={{ transform: `translateY(${start}px)` }}
            >
              <Message
                conversationId={reading.id}
                message={message}
                isFirst={position === 0}
                isMarked={message.id === marked}
                onContinue={onContinue}
              />
            </li>
          );
        })}
      </ol>
    </div>
  );
}
