import { ActionIcon, Button, Skeleton, Textarea, TextInput, Tooltip } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowLeft,
  IconArrowUp,
  IconFile,
  IconFileExport,
  IconMessages,
  IconPlus,
  IconTrash,
  IconX,
} from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProjectView } from '../../../contract';
import { webAddressOf } from '../../../protocol/documents/web-address';
import { callOrNotify } from '../../app/notify';
import { notifyProjectDeleted } from '../../app/notify-deleted';
import { FailedState } from '../../components/FailedState';
import { failureText } from '../../format/failures';
import { formatBytes } from '../../format/numbers';
import { closeReader, onLibraryChange, openInLibrary } from '../../stores/library-store';
import { useReading, type Reading } from '../../stores/use-reading';
import { exportProject } from './library-actions';
import { editsLeft, hasEdits, type ProjectEdits } from './project-edits';
import classes from './Project.module.css';

interface ProjectPaneProps {
  readonly id: string;
  readonly hasBack: boolean;
}

type Blocks = ProjectView['instructions'];

interface InstructionsProps {
  readonly blocks: Blocks;
  readonly onChange: (blocks: Blocks) => void;
}

/** Instructions as one block or several. */
function Instructions({ blocks, onChange }: InstructionsProps) {
  const { t } = useTranslation();
  const change = (id: string, next: Partial<Blocks[number]>): void =>
    onChange(blocks.map((block) => (block.id === id ? { ...block, ...next } : block)));
  return (
    <div className={classes.blocks}>
      {blocks.map((block, index) => (
        <div key={block.id} className={classes.block}>
          <div className={classes.blockHead}>
            <TextInput
              size="xs"
              aria-label={t('project.blockTitle')}
              placeholder={t('project.blockTitle')}
              value={block.title}
              onChange={(event) => change(block.id, { title: event.currentTarget.value })}
            />
            <Tooltip label={t('project.removeBlock')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('project.removeBlock')}
                onClick={() => onChange(blocks.filter(({ id }) => id !== block.id))}
              >
                <IconX size={16} stroke={1.5} />
              </ActionIcon>
            </Tooltip>
          </div>
          <Textarea
            aria-label={t('project.blockText', { position: index + 1 })}
            placeholder={t('project.instructionsHint')}
            autosize
            minRows={2}
            maxRows={12}
            value={block.content}
            onChange={(event) => change(block.id, { content: event.currentTarget.value })}
          />
        </div>
      ))}
      <Button
        variant="default"
        size="xs"
        leftSection={<IconPlus size={14} stroke={1.5} />}
        onClick={() => onChange([...blocks, { id: crypto.randomUUID(), title: '', content: '' }])}
      >
        {t('project.addBlock')}
      </Button>
    </div>
  );
}

interface ConversationsProps {
  readonly conversations: ProjectView['conversations'];
  readonly onChange: (conversations: ProjectView['conversations']) => void;
}

function Conversations({ conversations, onChange }: ConversationsProps) {
  const { t } = useTranslation();
  const move = (index: number, by: number): void => {
    const next = [...conversations];
    const [entry] = next.splice(index, 1);
    if (entry !== undefined) next.splice(index + by, 0, entry);
    onChange(next);
  };
  if (conversations.length === 0) return <p className={classes.quiet}>{t('project.noConversations')}</p>;
  return (
    <ol className={classes.items}>
      {conversations.map(({ id, title, messageCount }, index) => (
        <li key={id} className={classes.item}>
          <IconMessages size={16} stroke={1.5} aria-hidden="true" />
          <Button
            variant="subtle"
            color="gray"
            size="xs"
            className={classes.itemOpen ?? ''}
            onClick={() => openInLibrary(id)}
          >
            {title.trim() || t('chat.untitled')}
          </Button>
          <span className={classes.quiet}>{t('library.messages', { count: messageCount })}</span>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            disabled={index === 0}
            aria-label={t('project.moveUp', { title })}
            onClick={() => move(index, -1)}
          >
            <IconArrowUp size={14} stroke={1.5} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            disabled={index === conversations.length - 1}
            aria-label={t('project.moveDown', { title })}
            onClick={() => move(index, 1)}
          >
            <IconArrowDown size={14} stroke={1.5} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t('project.takeOut', { title })}
            onClick={() => onChange(conversations.filter((entry) => entry.id !== id))}
          >
            <IconX size={14} stroke={1.5} />
          </ActionIcon>
        </li>
      ))}
    </ol>
  );
}

/** Fetches a file that the project keeps elsewhere, when the person says so. */
function FetchButton({ id, file }: { readonly id: string; readonly file: ProjectView['attachments'][number] }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const address = file.uri === null ? null : webAddressOf(file.uri);
  if (file.isHere || address === null) return null;
  const fetchFile = async (): Promise<void> => {
    setBusy(true);
    await callOrNotify('fetchAttachment', 'project:fetch-file', { id, attachmentId: file.id });
    setBusy(false);
  };
  return (
    <Button variant="default" size="compact-sm" loading={busy} title={address} onClick={() => void fetchFile()}>
      {t('message.fetchFrom', { size: formatBytes(file.sizeBytes), host: new URL(address).host })}
    </Button>
  );
}

function Files({ project }: { readonly project: ProjectView }) {
  const { t } = useTranslation();
  const { id, attachments } = project;
  return (
    <>
      <ul className={classes.items}>
        {attachments.map((file) => (
          <li key={file.id} className={classes.item}>
            <IconFile size={16} stroke={1.5} aria-hidden="true" />
            <span className={classes.fileName}>{file.name}</span>
            <span className={classes.quiet}>
              {formatBytes(file.sizeBytes)}
              {!file.isHere && ` · ${t('project.elsewhere')}`}
            </span>
            <FetchButton id={id} file={file} />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('project.removeFile', { name: file.name })}
              onClick={() => void callOrNotify('project', 'project:remove-file', { id, attachmentId: file.id })}
            >
              <IconX size={14} stroke={1.5} />
            </ActionIcon>
          </li>
        ))}
      </ul>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconPlus size={14} stroke={1.5} />}
        onClick={() => void callOrNotify('project', 'project:add-files', { id })}
      >
        {t('project.addFiles')}
      </Button>
    </>
  );
}

/** The project as main has it; what was read stays while it is read again, also when that fails. */
function useProject(id: string): Reading<'project:get'> {
  const reading = useReading('project:get', { id });
  const { refresh } = reading;
  useEffect(() => onLibraryChange(() => void refresh()), [refresh]);
  return reading;
}

interface FormProps {
  readonly project: ProjectView;
  readonly hasBack: boolean;
  /** Reads the project anew. */
  readonly onSaved: () => Promise<void>;
}

function Form({ project, hasBack, onSaved }: FormProps) {
  const { t } = useTranslation();
  const [edits, setEdits] = useState<ProjectEdits>({});
  const [busy, setBusy] = useState(false);
  const edited = { ...project, ...edits };
  const change = (next: ProjectEdits): void => setEdits((before) => ({ ...before, ...next }));
  const save = async (): Promise<void> => {
    setBusy(true);
    const saving = { ...edits, name: edited.name.trim() };
    setEdits(saving);
    const saved = await callOrNotify('project', 'project:save', {
      id: project.id,
      name: saving.name,
      description: edited.description,
      instructions: edited.instructions.map((block) => ({ ...block })),
      conversationIds: edited.conversations.map(({ id }) => id),
      agreementRef: edited.agreementRef,
    });
    if (saved.ok) {
      await onSaved();
      setEdits((now) => editsLeft(now, saving));
    }
    setBusy(false);
  };
  const remove = async (): Promise<void> => {
    const result = await callOrNotify('project', 'project:set-deleted', { id: project.id, deleted: true });
    if (!result.ok) return;
    closeReader();
    notifyProjectDeleted(project.id);
  };
  return (
    <>
      <header className={classes.head}>
        {hasBack && (
          <ActionIcon variant="default" size={32} aria-label={t('library.backToList')} onClick={closeReader}>
            <IconArrowLeft size={18} stroke={1.5} />
          </ActionIcon>
        )}
        <h2 className={classes.title}>{project.name}</h2>
        <Tooltip label={t('project.export')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('project.export')}
            data-testid="project-export"
            onClick={() => void exportProject(project.id)}
          >
            <IconFileExport size={18} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('project.delete')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('project.delete')} onClick={() => void remove()}>
            <IconTrash size={18} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
        <Button
          size="xs"
          disabled={!hasEdits(project, edits) || edited.name.trim() === ''}
          loading={busy}
          data-testid="project-save"
          onClick={() => void save()}
        >
          {t('project.save')}
        </Button>
      </header>
      <div className={classes.scroll} role="region" aria-label={t('project.title')} tabIndex={0}>
        <TextInput
          label={t('project.name')}
          value={edited.name}
          maxLength={1_000}
          onChange={(event) => change({ name: event.currentTarget.value })}
          data-testid="project-name"
        />
        <Textarea
          label={t('project.description')}
          autosize
          minRows={1}
          maxRows={6}
          value={edited.description}
          onChange={(event) => change({ description: event.currentTarget.value })}
        />
        <section className={classes.section}>
          <h3>{t('project.instructions')}</h3>
          <Instructions blocks={edited.instructions} onChange={(instructions) => change({ instructions })} />
        </section>
        <section className={classes.section}>
          <h3>{t('project.conversations')}</h3>
          <Conversations conversations={edited.conversations} onChange={(conversations) => change({ conversations })} />
          {project.otherCount > 0 && (
            <p className={classes.quiet}>{t('project.others', { count: project.otherCount })}</p>
          )}
        </section>
        <section className={classes.section}>
          <h3>{t('project.files')}</h3>
          <Files project={project} />
        </section>
        <TextInput
          label={t('project.agreement')}
          description={t('project.agreementHint')}
          value={edited.agreementRef ?? ''}
          maxLength={200}
          onChange={(event) =>
            change({ agreementRef: event.currentTarget.value.trim() === '' ? null : event.currentTarget.value.trim() })
          }
        />
      </div>
    </>
  );
}

/** A project: what it says, what is in it, and where it goes. */
export function ProjectPane({ id, hasBack }: ProjectPaneProps) {
  const { t } = useTranslation();
  const { value: project, failure, refresh } = useProject(id);
  if (project === null && failure !== null) {
    return (
      <div className={classes.state}>
        <FailedState
          title={t('project.failed')}
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
  if (project === null) {
    return (
      <div className={classes.state} role="status" aria-label={t('project.title')}>
        <Skeleton height={24} width="40%" />
      </div>
    );
  }
  return (
    <div className={classes.project} data-testid="project-pane">
      {failure !== null && (
        <p className={classes.problem} role="alert">
          {t('project.failed')}. {failureText(failure)}
        </p>
      )}
      <Form project={project} hasBack={hasBack} onSaved={refresh} />
    </div>
  );
}
