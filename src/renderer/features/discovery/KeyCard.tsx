import { Button } from '@mantine/core';
import { IconAlertTriangle, IconShieldCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PartyKeyView } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { Section } from '../../components/Section';
import { formatDate, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Discovery.module.css';
import { BackUpDialog, CoordinatorDialog, RenameDialog, ReplaceDialog, WordsDialog } from './KeyDialogs';
import { QrCode } from './QrCode';
import { RestoreDialog } from './RestoreDialog';

type DialogName = 'back-up' | 'words' | 'replace' | 'restore' | 'rename' | 'coordinator';

/** The own key: what others see of it, and how it is kept. */
export function KeyCard({ keyView }: { readonly keyView: PartyKeyView }) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const [dialog, setDialog] = useState<DialogName | null>(null);
  const close = (): void => setDialog(null);
  const saveLinks = async (): Promise<void> => {
    const result = await callOrNotify('key', 'keys:export-links', null);
    if (result.ok && result.value !== null) notifyDone(t('discovery.own.saved', { path: result.value.path }));
  };
  const replacements =
    keyView.replacements === 0 ? '' : `, ${t('discovery.key.replaced', { count: keyView.replacements })}`;
  return (
    <Section title={t('discovery.key.title')} testId="key-card">
      <div className={classes.keyGrid}>
        <dl className={classes.definition}>
          <dt>{t('discovery.key.name')}</dt>
          <dd>{[keyView.name, keyView.institution].filter(Boolean).join(' · ')}</dd>
          <dt>{t('discovery.key.id')}</dt>
          <dd>
            <code data-testid="key-id">{keyView.keyId}</code>{' '}
            <CopyButton text={keyView.publicKey} label={t('common.copyId', { id: keyView.keyId })} />
          </dd>
          <dt>{t('discovery.key.created')}</dt>
          <dd>
            {formatDate(keyView.createdAt)}
            {replacements}
          </dd>
          <dt>{t('discovery.key.coordinator')}</dt>
          <dd>
            {keyView.coordinator === null ? (
              t('discovery.key.noCoordinator')
            ) : (
              <code data-testid="key-coordinator-id">{keyView.coordinator.keyId}</code>
            )}
          </dd>
          <dt>{t('discovery.key.fingerprint')}</dt>
          <dd>
            {keyView.fingerprint}
            <p className={classes.quiet}>{t('discovery.key.fingerprintHint')}</p>
          </dd>
        </dl>
        <QrCode text={`tore-key:${keyView.nodeId}:${keyView.publicKey}`} label={t('discovery.key.qr')} />
      </div>
      {keyView.backedUpAt === null ? (
        <p className={classes.fact} data-tone="wait">
          <IconAlertTriangle size={16} aria-hidden="true" />
          {t('discovery.key.notBackedUp')}
        </p>
      ) : (
        <p className={classes.fact} data-tone="good">
          <IconShieldCheck size={16} aria-hidden="true" />
          {t('discovery.key.backedUp', { time: formatMoment(keyView.backedUpAt, nowMs) })}
        </p>
      )}
      <div className={classes.actions}>
        <Button
          variant={keyView.backedUpAt === null ? 'filled' : 'default'}
          onClick={() => setDialog('back-up')}
          data-testid="key-back-up"
        >
          {t('discovery.key.backUp')}
        </Button>
        <Button variant="default" onClick={() => setDialog('words')}>
          {t('discovery.key.words')}
        </Button>
        <Button variant="default" onClick={() => setDialog('rename')}>
          {t('discovery.key.rename')}
        </Button>
        <Button variant="default" onClick={() => setDialog('coordinator')} data-testid="key-coordinator">
          {t('discovery.key.nameCoordinator')}
        </Button>
        <Button variant="default" onClick={() => setDialog('restore')}>
          {t('discovery.key.restore')}
        </Button>
        <Button variant="default" onClick={() => setDialog('replace')}>
          {t('discovery.key.replace')}
        </Button>
        {keyView.replacements > 0 && (
          <Button variant="default" title={t('discovery.key.linksHint')} onClick={() => void saveLinks()}>
            {t('discovery.key.links')}
          </Button>
        )}
      </div>
      {dialog === 'back-up' && <BackUpDialog onClose={close} />}
      {dialog === 'words' && <WordsDialog onClose={close} />}
      {dialog === 'replace' && <ReplaceDialog onClose={close} />}
      {dialog === 'rename' && <RenameDialog keyView={keyView} onClose={close} />}
      {dialog === 'coordinator' && <CoordinatorDialog keyView={keyView} onClose={close} />}
      {dialog === 'restore' && <RestoreDialog hasKey onClose={close} />}
    </Section>
  );
}
