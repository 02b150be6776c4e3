import { Button } from '@mantine/core';
import { IconCloudDownload, IconFile, IconPhotoOff } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PartView } from '../../../protocol/conversation/reading';
import { webAddressOf } from '../../../protocol/documents/web-address';
import { callOrNotify } from '../../app/notify';
import { formatBytes } from '../../format/numbers';
import { MarkdownText } from './MarkdownText';
import { WebLink } from './WebLink';
import classes from './Parts.module.css';

/** Main answers these addresses with pictures made of pixels and nothing else. */
const PICTURES = 'app://tore/library-pictures/';

type FilePart = Extract<PartView, { kind: 'image' | 'file' }>;

function Folded({ title, children }: { readonly title: string; readonly children: React.ReactNode }) {
  return (
    <details className={classes.folded}>
      <summary>{title}</summary>
      <div className={classes.foldedBody}>{children}</div>
    </details>
  );
}

/** Fetches a file that the document keeps elsewhere, when the person says so. */
function FetchButton({ conversationId, part }: { readonly conversationId: string; readonly part: FilePart }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const { place } = part;
  if (place.kind !== 'reference') return null;
  const address = webAddressOf(place.uri);
  if (address === null) return <span className={classes.quiet}>{t('message.notOnTheWeb')}</span>;
  const fetchFile = async (): Promise<void> => {
    setBusy(true);
    await callOrNotify('fetchAttachment', 'library:fetch-attachment', {
      id: conversationId,
      attachmentId: place.attachmentId,
    });
    setBusy(false);
  };
  return (
    <Button
      variant="default"
      size="xs"
      loading={busy}
      leftSection={<IconCloudDownload size={14} stroke={1.5} />}
      title={address}
      data-testid="fetch-attachment"
      onClick={() => void fetchFile()}
    >
      {t('message.fetchFrom', { size: formatBytes(place.sizeBytes), host: new URL(address).host })}
    </Button>
  );
}

function FileLine({ conversationId, part }: { readonly conversationId: string; readonly part: FilePart }) {
  const { t } = useTranslation();
  const Shape = part.kind === 'image' ? IconPhotoOff : IconFile;
  return (
    <div className={classes.file}>
      <Shape size={18} stroke={1.5} aria-hidden="true" />
      <span className={classes.fileName}>{part.name}</span>
      {part.sizeBytes !== null && <span className={classes.quiet}>{formatBytes(part.sizeBytes)}</span>}
      {part.place.kind === 'missing' && <span className={classes.quiet}>{t('message.notInExport')}</span>}
      <FetchButton conversationId={conversationId} part={part} />
    </div>
  );
}

function Picture({ conversationId, part }: { readonly conversationId: string; readonly part: FilePart }) {
  const [broken, setBroken] = useState(false);
  if (part.place.kind !== 'stored' || broken) return <FileLine conversationId={conversationId} part={part} />;
  return (
    <img
      className={classes.picture}
      src={`${PICTURES}${part.place.sha256}`}
      alt={part.kind === 'image' ? part.alt : part.name}
      onError={() => setBroken(true)}
      draggable={false}
    />
  );
}

/** Code as a block of Markdown, its fence longer than any inside. */
function fenced(code: string, language: string): string {
  const longest = Math.max(2, ...(code.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language.replace(/[^\w+#.-]/g, '')}\n${code}\n${fence}`;
}

interface PartProps {
  readonly conversationId: string;
  readonly part: PartView;
}

function Part({ conversationId, part }: PartProps) {
  const { t } = useTranslation();
  switch (part.kind) {
    case 'text':
      return (
        <>
          {part.format === 'markdown' ? (
            <MarkdownText text={part.text} />
          ) : (
            <div className={classes.plain}>{part.text}</div>
          )}
          {part.cut > 0 && <p className={classes.quiet}>{t('message.cut', { count: part.cut })}</p>}
        </>
      );
    case 'code':
      return <MarkdownText text={fenced(part.code, part.language ?? '')} />;
    case 'image':
      return <Picture conversationId={conversationId} part={part} />;
    case 'file':
      return (
        <>
          <FileLine conversationId={conversationId} part={part} />
          {part.text !== null && (
            <Folded title={t('message.extractedText')}>
              <div className={classes.plain}>{part.text}</div>
            </Folded>
          )}
        </>
      );
    case 'thinking':
      return (
        <Folded title={part.summary ?? t('message.thinking')}>
          <MarkdownText text={part.text} />
        </Folded>
      );
    case 'tool-call':
      return (
        <Folded title={t('message.toolCall', { name: part.name })}>
          <pre className={classes.json}>{part.json}</pre>
        </Folded>
      );
    case 'tool-result':
      return (
        <Folded
          title={
            part.isError
              ? t('message.toolError', { name: part.name ?? t('message.tool') })
              : t('message.toolResult', { name: part.name ?? t('message.tool') })
          }
        >
          <pre className={classes.json}>{part.json}</pre>
        </Folded>
      );
    case 'citation':
      return (
        <p className={classes.quiet}>
          {t('message.source')}{' '}
          {part.uri === null ? part.title : <WebLink address={part.uri}>{part.title || part.uri}</WebLink>}
        </p>
      );
    case 'other':
      return (
        <Folded title={t('message.otherPart', { type: part.type })}>
          <pre className={classes.json}>{part.json}</pre>
        </Folded>
      );
  }
}

/** The parts of one message, each as what it is. */
export function Parts({ conversationId, parts }: { conversationId: string; parts: readonly PartView[] }) {
  return (
    <div className={classes.parts}>
      {parts.map((part, index) => (
        // Parts have no ids of their own and never change places.
        <Part key={index} conversationId={conversationId} part={part} />
      ))}
    </div>
  );
}
