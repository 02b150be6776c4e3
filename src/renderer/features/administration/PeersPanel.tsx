import { IconBuildingBridge2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { CopyButton } from '../../components/CopyButton';
import { EmptyState } from '../../components/EmptyState';
import classes from './Administration.module.css';
import { Panel } from './Panel';
import { PeerCard } from './PeerCard';
import { useReading } from '../../stores/use-reading';

const REFRESH_MS = 3_000;

/** The coordinators this one is linked with: agreement, state, traffic, what was settled. */
export function PeersPanel() {
  const { t } = useTranslation();
  const reading = useReading('administration:get-federation', null, REFRESH_MS);
  const peers = reading.failure === null ? (reading.value?.peers ?? []) : [];
  return (
    <>
      <Panel title={t('administration.peers.title')} hint={t('administration.peers.hint')} reading={reading}>
        {({ public_key: key }) =>
          key === null ? (
            <EmptyState icon={IconBuildingBridge2} title={t('administration.peers.emptyTitle')}>
              {t('administration.peers.empty')}
            </EmptyState>
          ) : (
            <div className={classes.inline}>
              <span>{t('administration.peers.own')}</span>
              <code className={classes.code}>{key}</code>
              <CopyButton text={key} label={t('administration.peers.copyKey')} />
            </div>
          )
        }
      </Panel>
      {peers.map((peer) => (
        <PeerCard key={peer.public_key} peer={peer} onChanged={reading.refresh} />
      ))}
    </>
  );
}
