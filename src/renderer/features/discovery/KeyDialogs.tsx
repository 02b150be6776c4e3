import { Alert, Button, Modal, PasswordInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PartyKeyView } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';
import classes from './Discovery.module.css';

interface DialogProps {
  readonly onClose: () => void;
}

const MIN_PASSPHRASE_LENGTH = 10;

/** Seals the key with a passphrase into a file. */
export function BackUpDialog({ onClose }: DialogProps) {
  const { t } = useTranslation();
  const [passphrase, setPassphrase] = useState('');
  const [again, setAgain] = useState('');
  const [isWorking, setWorking] = useState(false);
  const differs = again !== '' && again !== passphrase;
  const backUp = async (): Promise<void> => {
    setWorking(true);
    const result = await callOrNotify('key', 'keys:back-up', { passphrase });
    setWorking(false);
    if (!result.ok || result.value === null) return;
    notifyDone(t('discovery.key.backUpDone', { path: result.value.path }));
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.backUpTitle')} centered>
      <div className={classes.stack}>
        <PasswordInput
          label={t('discovery.key.passphrase')}
          description={t('discovery.key.passphraseHint')}
          value={passphrase}
          onChange={(event) => setPassphrase(event.currentTarget.value)}
          maxLength={1_000}
          data-autofocus
        />
        <PasswordInput
          label={t('discovery.key.passphraseAgain')}
          value={again}
          error={differs ? t('discovery.key.passphraseDiffers') : undefined}
          onChange={(event) => setAgain(event.currentTarget.value)}
          maxLength={1_000}
        />
        <Button
          onClick={() => void backUp()}
          loading={isWorking}
          disabled={passphrase.length < MIN_PASSPHRASE_LENGTH || again !== passphrase}
        >
          {t('discovery.key.backUpDo')}
        </Button>
      </div>
    </Modal>
  );
}

/** The secret as words, shown on request only. */
export function WordsDialog({ onClose }: DialogProps) {
  const { t } = useTranslation();
  const [words, setWords] = useState<string | null>(null);
  const show = async (): Promise<void> => {
    const result = await callOrNotify('key', 'keys:show-words', null);
    if (result.ok) setWords(result.value.words);
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.wordsTitle')} centered>
      <div className={classes.stack}>
        <Alert color="amber">{t('discovery.key.wordsWarning')}</Alert>
        {words === null ? (
          <Button variant="default" onClick={() => void show()}>
            {t('discovery.key.wordsShow')}
          </Button>
        ) : (
          <p className={classes.words}>{words}</p>
        )}
      </div>
    </Modal>
  );
}

/** Puts a new key in the old one's place. */
export function ReplaceDialog({ onClose }: DialogProps) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const replace = async (): Promise<void> => {
    const result = await callOrNotify('key', 'keys:replace', { reason: reason.trim() });
    if (!result.ok) return;
    notifyDone(t('discovery.key.replacedDone'));
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.replaceTitle')} centered>
      <div className={classes.stack}>
        <p>{t('discovery.key.replaceText')}</p>
        <TextInput
          label={t('discovery.key.replaceReason')}
          value={reason}
          maxLength={300}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <div className={classes.actions}>
          <Button onClick={() => void replace()}>{t('discovery.key.replaceDo')}</Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

/** How the party calls itself. */
export function RenameDialog({ keyView, onClose }: DialogProps & { readonly keyView: PartyKeyView }) {
  const { t } = useTranslation();
  const [name, setName] = useState(keyView.name);
  const [institution, setInstitution] = useState(keyView.institution ?? '');
  const save = async (): Promise<void> => {
    const trimmed = institution.trim();
    const result = await callOrNotify('key', 'keys:rename', {
      name: name.trim(),
      institution: trimmed === '' ? null : trimmed,
    });
    if (result.ok) onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.rename')} centered>
      <div className={classes.stack}>
        <TextInput
          label={t('discovery.key.name')}
          value={name}
          maxLength={300}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={t('discovery.key.institution')}
          description={t('discovery.key.optional')}
          value={institution}
          maxLength={300}
          onChange={(event) => setInstitution(event.currentTarget.value)}
        />
        <Button onClick={() => void save()} disabled={name.trim() === ''}>
          {t('discovery.key.save')}
        </Button>
      </div>
    </Modal>
  );
}

/** Names the coordinator that acts for the party towards the coordinators of others, or takes that back. */
export function CoordinatorDialog({ keyView, onClose }: DialogProps & { readonly keyView: PartyKeyView }) {
  const { t } = useTranslation();
  const [publicKey, setPublicKey] = useState(keyView.coordinator?.publicKey ?? '');
  const save = async (): Promise<void> => {
    const trimmed = publicKey.trim();
    const result = await callOrNotify('key', 'keys:name-coordinator', { publicKey: trimmed === '' ? null : trimmed });
    if (result.ok) onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.key.nameCoordinator')} centered>
      <div className={classes.stack}>
        <p>{t('discovery.key.coordinatorText')}</p>
        <TextInput
          label={t('discovery.key.coordinatorKey')}
          description={t('discovery.key.coordinatorKeyHint')}
          value={publicKey}
          maxLength={200}
          onChange={(event) => setPublicKey(event.currentTarget.value)}
          data-testid="key-coordinator-field"
        />
        <Button onClick={() => void save()} data-testid="key-coordinator-save">
          {t('discovery.key.save')}
        </Button>
      </div>
    </Modal>
  );
}
