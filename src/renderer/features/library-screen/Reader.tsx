import { ActionIcon, Button, Select, Skeleton, TagsInput, Tooltip } from '@mantine/core';
import { IconArrowLeft, IconFileExport, IconMessageForward, IconPencil, IconTrash } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Reading } from '../../../protocol/conversation/reading';
import type { Failure } from '../../../protocol/result';
import { callOrNotify } from '../../app/notify';
import { FailedState } from '../../components/FailedState';
import { SnapshotLists } from '../../components/message/SnapshotLists';
import { formatCount } from '../../format/numbers';
import { formatExactTime } from '../../format/times';
import { closeReader, onLibraryChange, useLibraryStore } from '../../stores/library-store';
import { callTore } from '../../stores/tore-api';
import { ExportMenu } from './ExportMenu';
import { HandoffDialog } from './HandoffDialog';
import { deleteConversations, dragOut } from './library-actions';
import { NameField } from './NameField';
import { platformName } from './platform-name';
import classes from './Reader.module.css';
import { ReaderMessages } from './ReaderMessages';

interface ReaderProps {
  readonly id: string;
  readonly through: string | null;
  /** The message to show first; null is the beginning. */
  readonly at: string | null;
  /** Where list and reader take turns. */
  readonly hasBack: boolean;
}

interface Loaded {
  readonly key: string;
  readonly reading: Reading | null;
  readonly failure: Failure | null;
}

/** One branch of a conversation, read again when the library changes. */
function useReading(id: string, through: string | null): Loaded {
  const [loaded, setLoaded] = useState<Loaded>({ key: '', reading: null, failure: null });
  useEffect(() => {
    let current = true;
    const read = async (): Promise<void> => {
      const result = await callTore('library:read', { id, through });
      if (!current) return;
      setLoaded(
        result.ok
          ? { key: id, reading: result.value, failure: null }
          : { key: id, reading: null, failure: result.error },
      );
    };
    void read();
    const end = onLibraryChange(() => void read());
    return () => {
      current = false;
      end();
    };
  }, [id, through]);
  // The branch before stays in view until the next one is here; another conversation does not.
  return loaded.key === id ? loaded : { key: id, reading: null, failure: null };
}

/** Folder and tags; both are the library's and not part of the document. */
function Places({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const overview = useLibraryStore((state) => state.overview);
  const [entry, setEntry] = useState<{ folderId: number | null; tags: readonly string[] } | null>(null);
  useEffect(() => {
    let current = true;
    const read = async (): Promise<void> => {
      const result = await callTore('library:entry', { id });
      if (current && result.ok) setEntry(result.value);
    };
    void read();
    const end = onLibraryChange(() => void read());
    return () => {
      current = false;
      end();
    };
  }, [id]);
  if (entry === null) return null;
  const folders = overview?.folders ?? [];
  return (
    <div className={classes.places}>
      {folders.length > 0 && (
        <Select
          size="xs"
          className={classes.folder ?? ''}
          aria-label={t('library.folder')}
          placeholder={t('library.unfiled')}
          data={folders.map((folder) => ({ value: String(folder.id), label: folder.name }))}
          value={entry.folderId === null ? null : String(entry.folderId)}
          clearable
          onChange={(value) =>
            void callOrNotify('move', 'library:move', { ids: [id], folderId: value === null ? null : Number(value) })
          }
        />
      )}
      <TagsInput
        size="xs"
        className={classes.tagsInput ?? ''}
        aria-label={t('library.tags')}
        placeholder={entry.tags.length === 0 ? t('library.addTag') : ''}
        data={overview?.tags.map(({ name }) => name) ?? []}
        value={[...entry.tags]}
        maxTags={100}
        onChange={(tags) => {
          setEntry({ ...entry, tags });
          void callOrNotify('tags', 'library:set-tags', { id, tags });
        }}
      />
    </div>
  );
}

interface HeadProps {
  readonly reading: Reading;
  readonly hasBack: boolean;
  readonly onContinue: (through: string | null) => void;
}

function Head({ reading, hasBack, onContinue }: HeadProps) {
  const { t } = useTranslation();
  const [renaming, setRenaming] = useState(false);
  const { id, platform, model, createdAt, messageCount } = reading;
  const title = reading.title.trim() || t('chat.untitled');
  const rename = async (name: string): Promise<void> => {
    setRenaming(false);
    await callOrNotify('rename', 'library:rename', { id, title: name });
  };
  return (
    <header className={classes.head}>
      <div className={classes.titleRow}>
        {hasBack && (
          <Tooltip label={t('library.backToList')}>
            <ActionIcon variant="default" size={32} aria-label={t('library.backToList')} onClick={closeReader}>
              <IconArrowLeft size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        )}
        {renaming ? (
          <div className={classes.renaming}>
            <NameField
              label={t('library.title')}
              initial={reading.title}
              onDone={(name) => void rename(name)}
              onCancel={() => setRenaming(false)}
            />
          </div>
        ) : (
          <h2
            className={classes.title}
            draggable
            onDragStart={(event) => dragOut(event, [id])}
            title={t('library.dragHint')}
            data-testid="reader-title"
          >
            {title}
          </h2>
        )}
        <div className={classes.actions}>
          <Tooltip label={t('library.rename')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('library.rename')}
              data-testid="reader-rename"
              onClick={() => setRenaming(true)}
            >
              <IconPencil size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
          <ExportMenu ids={[id]}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('library.export')}
              title={t('library.export')}
              data-testid="reader-export"
            >
              <IconFileExport size={18} stroke={1.5} />
            </ActionIcon>
          </ExportMenu>
          <Tooltip label={t('library.delete')}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('library.delete')}
              data-testid="reader-delete"
              onClick={() => void deleteConversations([id])}
            >
              <IconTrash size={18} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
          <Button
            size="xs"
            leftSection={<IconMessageForward size={16} stroke={1.5} />}
            data-testid="reader-continue"
            onClick={() => onContinue(reading.head)}
          >
            {t('library.continue')}
          </Button>
        </div>
      </div>
      <p className={classes.about}>
        {[
          platformName(platform),
          model,
          formatExactTime(createdAt),
          t('library.messagesShown', {
            count: messageCount,
            all: formatCount(messageCount),
            shown: formatCount(reading.messages.length),
          }),
        ]
          .filter((part) => part !== null)
          .join(' · ')}
      </p>
      <Places id={id} />
      {reading.contextSnapshot !== null && reading.contextSnapshot !== undefined && (
        <details className={classes.snapshot}>
          <summary>{t('library.snapshot')}</summary>
          {reading.handoff !== null && reading.handoff !== undefined && <p>{reading.handoff.reason}</p>}
          <SnapshotLists snapshot={reading.contextSnapshot} />
        </details>
      )}
    </header>
  );
}

/** A conversation to read: its head, and the messages of one branch. */
export function Reader({ id, through, at, hasBack }: ReaderProps) {
  const { t } = useTranslation();
  const { reading, failure } = useReading(id, through);
  const [continueFrom, setContinueFrom] = useState<{ readonly through: string | null } | null>(null);
  if (failure !== null) {
    return (
      <div className={classes.state}>
        <FailedState
          title={t('library.readFailed')}
          action={
            <Button variant="default" onClick={closeReader}>
              {t('common.close')}
            </Button>
          }
          failure={failure}
        />
      </div>
    );
  }
  if (reading === null) {
    return (
      <div className={classes.state} role="status" aria-label={t('chat.opening')}>
        <Skeleton height={24} width="50%" />
        <Skeleton height={96} mt={16} />
      </div>
    );
  }
  return (
    <div className={classes.reader} data-testid="library-reader">
      <Head reading={reading} hasBack={hasBack} onContinue={(from) => setContinueFrom({ through: from })} />
      <ReaderMessages key={id} reading={reading} at={at} onContinue={(from) => setContinueFrom({ through: from })} />
      {continueFrom !== null && (
        <HandoffDialog id={id} through={continueFrom.through} onClose={() => setContinueFrom(null)} />
      )}
    </div>
  );
}
