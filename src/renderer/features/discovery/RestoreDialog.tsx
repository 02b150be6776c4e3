import { Button, Modal, PasswordInput, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify, notifyDone } from '../../app/notify';
import classes from './Discovery.module.css';

interface RestoreDialogProps {
  /** Whether a key is in use, which is then set aside. */
  readonly hasKey: boolean;
  readonly onClose: () => void;
}

/** Brings a key back from its backup file or from its words. */
export function RestoreDialog({ hasKey, onClose }: RestoreDialogProps) {
  const { t } = useTranslation();
  const [from, setFrom] = useState<string>('file');
  const done = (): void => {
    notifyDone(t('discovery.key.restored'));
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.restoreTitle')} centered>
      <div className={classes.stack}>
        <SegmentedControl
          value={from}
          onChange={setFrom}
          data={[
            { value: 'file', label: t('discovery.key.restoreFile') },
            { value: 'words', label: t('discovery.key.restoreWords') },
          ]}
        />
        {hasKey && <p className={classes.quiet}>{t('discovery.key.restoreReplaces')}</p>}
        {from === 'file' ? <FromFile onDone={done} /> : <FromWords onDone={done} />}
      </div>
    </Modal>
  );
}

function FromFile({ onDone }: { readonly onDone: () => void }) {
  const { t } = useTranslation();
  const [passphrase, setPassphrase] = useState('');
  const [isWorking, setWorking] = useState(false);
  const restore = async (): Promise<void> => {
    setWorking(true);
    const result = await callOrNotify('key', 'keys:restore-file', { passphrase });
    setWorking(false);
    if (result.ok && result.value.restored) onDone();
  };
  return (
    <>
      <PasswordInput
        label={t('discovery.key.passphrase')}
        value={passphrase}
        maxLength={1_000}
        onChange={(event) => setPassphrase(event.currentTarget.value)}
      />
      <Button onClick={() => void restore()} loading={isWorking} disabled={passphrase === ''}>
        {t('discovery.key.restoreChoose')}
      </Button>
    </>
  );
}

function FromWords({ onDone }: { readonly onDone: () => void }) {
  const { t } = useTranslation();
  const [words, setWords] = useState('');
  const [name, setName] = useState('');
  const restore = async (): Promise<void> => {
    const result = await callOrNotify('key', 'keys:restore-words', { words, name: name.trim(), institution: null });
    if (result.ok) onDone();
  };
  return (
    <>
      <Textarea
        label={t('discovery.key.restoreWordsLabel')}
        value={words}
        autosize
        minRows={3}
        maxLength={1_000}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setWords(event.currentTarget.value)}
      />
      <TextInput
        label={t('discovery.key.name')}
        value={name}
        maxLength={300}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Button onClick={() => void restore()} disabled={words.trim() === '' || name.trim() === ''}>
        {t('discovery.key.restoreDo')}
      </Button>
    </>
  );
}
