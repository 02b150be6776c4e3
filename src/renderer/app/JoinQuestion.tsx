import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { failureText } from '../format/failures';
import { useSnapshot } from '../stores/snapshot-store';
import { askToJoin, useLinkStore } from '../stores/link-store';
import { callTore } from '../stores/tore-api';
import { showScreen } from '../stores/ui-store';
import { changeSettings } from './change-settings';
import classes from './LinkQuestion.module.css';
import { notifyDone } from './notify';

/** Asks before a link from outside makes this computer work for a coordinator. Until then nothing is contacted. */
export function JoinQuestion() {
  const { t } = useTranslation();
  const url = useLinkStore(({ coordinatorUrl }) => coordinatorUrl);
  const current = useSnapshot(({ settings }) => settings.coordinator);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const close = (): void => {
    setProblem(null);
    askToJoin(null);
  };
  const join = async (): Promise<void> => {
    if (url === null) return;
    setBusy(true);
    const found = await callTore('coordinator:check', { url });
    setProblem(found.ok ? null : failureText(found.error));
    if (found.ok && (await changeSettings({ coordinator: { kind: 'remote', url: found.value.url } }))) {
      notifyDone(t('joinLink.done', { name: found.value.name }));
      close();
      showScreen('settings');
    }
    setBusy(false);
  };
  const known = current.kind === 'remote' && current.url === url;
  return (
    <Modal
      opened={url !== null}
      onClose={close}
      title={t('joinLink.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      centered
    >
      {url !== null && (
        <>
          <p className={classes.host}>{new URL(url).host}</p>
          <p className={classes.address} data-testid="join-link-url">
            {url}
          </p>
          <p className={classes.hint}>{t(known ? 'joinLink.known' : 'joinLink.hint')}</p>
          {problem !== null && (
            <p className={classes.problem} role="alert">
              {problem}
            </p>
          )}
          <div className={classes.buttons}>
            <Button variant="default" onClick={close} data-autofocus>
              {t('common.cancel')}
            </Button>
            <Button loading={busy} disabled={known} onClick={() => void join()} data-testid="join-link-accept">
              {t('joinLink.accept')}
            </Button>
          </div>
        </>
      )}
    </Modal>
  );
}
