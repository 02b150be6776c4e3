import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CoordinatorTokenField } from '../components/CoordinatorTokenField';
import { failureText } from '../format/failures';
import { useSnapshot } from '../stores/snapshot-store';
import { askToJoin, useLinkStore } from '../stores/link-store';
import { showScreen } from '../stores/ui-store';
import { useCoordinatorCheck } from '../stores/use-coordinator-check';
import { changeSettings } from './change-settings';
import classes from './LinkQuestion.module.css';
import { notifyDone } from './notify';

const close = (): void => askToJoin(null);

function Question({ url }: { readonly url: string }) {
  const { t } = useTranslation();
  const current = useSnapshot(({ settings }) => settings.coordinator);
  const checking = useCoordinatorCheck();
  const [saving, setSaving] = useState(false);
  const join = async (): Promise<void> => {
    const found = await checking.check(url);
    if (found === null) return;
    setSaving(true);
    if (await changeSettings({ coordinator: { kind: 'remote', url: found.url } })) {
      notifyDone(t('joinLink.done', { name: found.name }));
      close();
      showScreen('settings');
    }
    setSaving(false);
  };
  const known = current.kind === 'remote' && current.url === url;
  return (
    <>
      <p className={classes.host}>{new URL(url).host}</p>
      <p className={classes.address} data-testid="join-link-url">
        {url}
      </p>
      <p className={classes.hint}>{t(known ? 'joinLink.known' : 'joinLink.hint')}</p>
      {checking.failure !== null && (
        <p className={classes.problem} role="alert">
          {failureText(checking.failure)}
        </p>
      )}
      <div className={classes.token}>
        <CoordinatorTokenField checking={checking} />
      </div>
      <div className={classes.buttons}>
        <Button variant="default" onClick={close} data-autofocus>
          {t('common.cancel')}
        </Button>
        <Button
          loading={checking.checking || saving}
          disabled={known}
          onClick={() => void join()}
          data-testid="join-link-accept"
        >
          {t('joinLink.accept')}
        </Button>
      </div>
    </>
  );
}

/** Asks before a link from outside makes this computer work for a coordinator. Until then nothing is contacted. */
export function JoinQuestion() {
  const { t } = useTranslation();
  const url = useLinkStore(({ coordinatorUrl }) => coordinatorUrl);
  return (
    <Modal
      opened={url !== null}
      onClose={close}
      title={t('joinLink.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      centered
    >
      {url !== null && <Question key={url} url={url} />}
    </Modal>
  );
}
