import { IconFile } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionFileView, SessionView } from '../../../contract';
import { formatBytes } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import { SaveFileButton } from './SaveFileButton';
import classes from './Sessions.module.css';

/** The files of all turns. None is opened here; each is saved when its person says so, after its checksum was checked. */
export function FilesPanel({ view }: { readonly view: SessionView }) {
  const { t } = useTranslation();
  const [files, setFiles] = useState<readonly SessionFileView[] | null>(null);
  const sessionId = view.state.head.id;
  const turns = view.turns.length;
  useEffect(() => {
    if (turns === 0) return undefined;
    let isCurrent = true;
    void callTore('sessions:files', { sessionId }).then((result) => {
      if (isCurrent && result.ok) setFiles(result.value);
    });
    return () => {
      isCurrent = false;
    };
  }, [sessionId, turns]);
  if (turns === 0 || files?.length === 0) return <p className={classes.quiet}>{t('sessions.panel.noFiles')}</p>;
  if (files === null) return null;
  return (
    <>
      <p className={classes.hint}>{t('sessions.panel.filesHint')}</p>
      <ul className={classes.people}>
        {files.map((file) => (
          <li key={`${file.turnId} ${String(file.part)}`} className={classes.person} data-testid="session-file">
            <IconFile size={16} stroke={1.5} aria-hidden="true" />
            <div className={classes.personText}>
              <p className={classes.personName}>
                <span className={classes.cut} title={file.name}>
                  {file.name}
                </span>
              </p>
              <p className={classes.itemFacts}>
                {t('sessions.panel.fileFacts', {
                  size: formatBytes(file.sizeBytes),
                  type: file.mediaType,
                  seq: file.seq,
                  name: view.state.participants.find(({ id }) => id === file.participantId)?.display_name ?? '?',
                })}
              </p>
            </div>
            <SaveFileButton
              sessionId={sessionId}
              turnId={file.turnId}
              part={file.part}
              name={file.name}
              disabled={!file.isHere}
            />
          </li>
        ))}
      </ul>
    </>
  );
}
