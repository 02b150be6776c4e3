import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SettingRow } from '../../components/SettingRow';
import { ShortId } from '../../components/ShortId';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Settings.module.css';

/** Made by the build; a development server has none and answers with a page. */
async function readLicences(): Promise<string | null> {
  const response = await fetch('/third-party-licenses.txt').catch(() => null);
  return response?.ok === true && response.headers.get('content-type')?.startsWith('text/plain') === true
    ? response.text()
    : null;
}

function LicenceTexts() {
  const { t } = useTranslation();
  const [texts, setTexts] = useState<string | null>(null);
  const toggle = async (): Promise<void> => {
    setTexts(texts === null ? ((await readLicences()) ?? t('settings.about.licencesMissing')) : null);
  };
  return (
    <>
      <div className={classes.showLicences}>
        <Button variant="default" size="xs" aria-expanded={texts !== null} onClick={() => void toggle()}>
          {texts === null ? t('settings.about.licencesShow') : t('settings.about.licencesHide')}
        </Button>
      </div>
      {texts !== null && (
        <pre className={classes.licences} tabIndex={0} aria-label={t('settings.about.licence')}>
          {texts}
        </pre>
      )}
    </>
  );
}

/** Version, how secrets are kept, ids of this node, licences. */
export function AboutRow() {
  const { t } = useTranslation();
  const version = useSnapshot(({ appVersion }) => appVersion);
  const encrypted = useSnapshot(({ secretsEncrypted }) => secretsEncrypted);
  const nodeId = useSnapshot(({ node }) => node.nodeId);
  const publicKey = useSnapshot(({ node }) => node.publicKey);
  return (
    <SettingRow
      title={t('settings.about.title')}
      hint={t('settings.about.hint')}
      below={
        <dl className={classes.about}>
          <dt>{t('settings.about.version')}</dt>
          <dd>{version}</dd>
          <dt>{t('settings.about.secrets')}</dt>
          <dd>{encrypted ? t('settings.about.secretsEncrypted') : t('settings.about.secretsPlain')}</dd>
          <dt>{t('settings.about.node')}</dt>
          <dd>{nodeId === null ? t('common.notKnown') : <ShortId id={nodeId} copy />}</dd>
          <dt>{t('settings.about.publicKey')}</dt>
          <dd>{publicKey === null ? t('common.notKnown') : <ShortId id={publicKey} copy />}</dd>
          <dt>{t('settings.about.licence')}</dt>
          <dd>
            {t('settings.about.licenceText')}
            <LicenceTexts />
          </dd>
        </dl>
      }
    />
  );
}
