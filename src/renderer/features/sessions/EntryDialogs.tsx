import { Button, FileButton, Modal, PasswordInput, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { useRef, useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Failure } from '../../../protocol/result';
import { readSessionLink } from '../../../protocol/session/session-link';
import { failureText } from '../../format/failures';
import { keepSession, useSessionsStore, type AgreementText } from '../../stores/sessions-store';
import { callTore } from '../../stores/tore-api';
import classes from './Sessions.module.css';

interface DialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

function DialogError({ error }: { readonly error: Failure | null }) {
  if (error === null) return null;
  return (
    <p className={classes.error} role="alert" data-testid="session-dialog-error">
      {failureText(error)}
    </p>
  );
}

function useDisplayName(): readonly [string, (name: string) => void] {
  const known = useSessionsStore(({ list }) => list?.displayName ?? '');
  const [typed, setTyped] = useState<string | null>(null);
  return [typed ?? known, setTyped];
}

interface NewSessionDialogProps extends DialogProps {
  /** The agreement it is opened under from the start. */
  readonly under: AgreementText | null;
}

/** Opens a session of one's own. */
export function NewSessionDialog({ opened, under, onClose }: NewSessionDialogProps) {
  const { t } = useTranslation();
  const [title, setTitle] = useState('');
  const [name, setName] = useDisplayName();
  const [mode, setMode] = useState<'live' | 'async'>('live');
  const [agreement, setAgreement] = useState<AgreementText | null>(under);
  const [error, setError] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const [reading, setReading] = useState(false);
  // Nobody opens a session without the agreement they have just chosen.
  const choose = async (file: File): Promise<void> => {
    setReading(true);
    const text = await file.text();
    setAgreement({ name: file.name, text });
    setReading(false);
  };
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const made = await callTore('sessions:create', {
      title,
      mode,
      displayName: name,
      agreement: agreement?.text ?? null,
    });
    setBusy(false);
    setError(made.ok ? null : made.error);
    if (!made.ok) return;
    keepSession(made.value);
    setTitle('');
    setAgreement(null);
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('sessions.create.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form className={classes.form} onSubmit={(event) => void submit(event)}>
        <TextInput
          label={t('sessions.create.name')}
          placeholder={t('sessions.create.namePlaceholder')}
          value={title}
          maxLength={200}
          required
          data-autofocus
          data-testid="session-title"
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <TextInput
          label={t('sessions.create.displayName')}
          value={name}
          maxLength={100}
          required
          data-testid="session-display-name"
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div>
          <p className={classes.label} id="session-mode">
            {t('sessions.create.mode')}
          </p>
          <SegmentedControl
            fullWidth
            aria-labelledby="session-mode"
            value={mode}
            onChange={(value) => setMode(value === 'async' ? 'async' : 'live')}
            data={[
              { value: 'live', label: t('sessions.live') },
              { value: 'async', label: t('sessions.async') },
            ]}
          />
          <p className={classes.hint}>
            {t(mode === 'live' ? 'sessions.create.modeLive' : 'sessions.create.modeAsync')}
          </p>
        </div>
        <div>
          <p className={classes.label}>{t('sessions.create.agreement')}</p>
          <p className={classes.hint}>{t('sessions.create.agreementHint')}</p>
          <FileButton
            accept=".json,application/json"
            inputProps={{ 'aria-label': t('sessions.create.chooseAgreement') }}
            onChange={(file) => {
              if (file !== null) void choose(file);
            }}
          >
            {(props) => (
              <Button {...props} variant="default" size="xs">
                {agreement?.name ?? t('sessions.create.chooseAgreement')}
              </Button>
            )}
          </FileButton>
        </div>
        <DialogError error={error} />
        <div className={classes.actions}>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button
            type="submit"
            loading={busy || reading}
            disabled={title.trim() === '' || name.trim() === ''}
            data-testid="session-create"
          >
            {t('sessions.create.submit')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

interface JoinDialogProps extends DialogProps {
  /** A link that was opened from outside the app. */
  readonly openedLink: string | null;
}

/** Joins the session of a link. */
export function JoinDialog({ opened, openedLink, onClose }: JoinDialogProps) {
  const { t } = useTranslation();
  const [link, setLink] = useState(openedLink ?? '');
  const read = readSessionLink(link);
  const [token, setToken] = useState('');
  const [name, setName] = useDisplayName();
  const [error, setError] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  // Counts up when somebody no longer waits: what comes of that joining opens nothing and is not told in another's place.
  const attempt = useRef(0);
  const close = (): void => {
    if (busy) void callTore('sessions:cancel-join', null);
    attempt.current += 1;
    setBusy(false);
    onClose();
  };
  const changeLink = (next: string): void => {
    setLink(next);
    // A token is typed for the host that asked for it, and for no other.
    const nextRead = readSessionLink(next);
    if (read.ok && nextRead.ok && read.value.hostUrl === nextRead.value.hostUrl) return;
    setToken('');
    setError(null);
  };
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const mine = ++attempt.current;
    const joined = await callTore('sessions:join', {
      link,
      displayName: name,
      accessToken: token.trim() === '' ? null : token.trim(),
    });
    if (mine !== attempt.current) return;
    setBusy(false);
    setError(joined.ok ? null : joined.error);
    if (!joined.ok) return;
    keepSession(joined.value);
    setLink('');
    setToken('');
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={t('sessions.joining.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form className={classes.form} onSubmit={(event) => void submit(event)}>
        <Textarea
          label={t('sessions.joining.link')}
          description={t('sessions.joining.linkHint')}
          value={link}
          autosize
          minRows={2}
          maxRows={4}
          maxLength={4_000}
          required
          data-autofocus
          data-testid="session-link"
          onChange={(event) => changeLink(event.currentTarget.value)}
        />
        {read.ok && (
          <p className={classes.hint} data-testid="session-join-host">
            {t('sessions.joining.host', { host: read.value.hostUrl })}
          </p>
        )}
        <TextInput
          label={t('sessions.create.displayName')}
          value={name}
          maxLength={100}
          required
          data-testid="session-join-name"
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {(token !== '' || error?.code === 'coordinator-unauthorized') && (
          <PasswordInput
            label={t('sessions.joining.token')}
            description={t('sessions.joining.tokenHint')}
            value={token}
            maxLength={1_000}
            autoComplete="off"
            data-testid="session-join-token"
            onChange={(event) => setToken(event.currentTarget.value)}
          />
        )}
        <DialogError error={error} />
        <div className={classes.actions}>
          <Button variant="default" onClick={close}>
            {t('common.cancel')}
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={link.trim() === '' || name.trim() === ''}
            data-testid="session-join"
          >
            {t('sessions.joining.submit')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
