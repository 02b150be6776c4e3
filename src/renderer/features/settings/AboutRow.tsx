import { useTranslation } from 'react-i18next';
import { SettingRow } from '../../components/SettingRow';
import { ShortId } from '../../components/ShortId';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Settings.module.css';

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
          <dd>{t('settings.about.licenceText')}</dd>
        </dl>
      }
    />
  );
}
