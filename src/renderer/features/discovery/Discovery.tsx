import { Badge, Tabs } from '@mantine/core';
import {
  IconFileCertificate,
  IconHeartHandshake,
  IconKey,
  IconScale,
  IconSearch,
  type Icon,
} from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { TrustView } from '../../../contract';
import { Screen } from '../../components/Screen';
import { useTrust } from '../../stores/trust-store';
import { AgreementsTab } from './AgreementsTab';
import classes from './Discovery.module.css';
import { FindTab } from './FindTab';
import { HandshakesTab } from './HandshakesTab';
import { PoliciesTab } from './PoliciesTab';
import { YouTab } from './YouTab';

const TABS = ['find', 'handshakes', 'agreements', 'you', 'policies'] as const;
type TabName = (typeof TABS)[number];

const ICONS: Record<TabName, Icon> = {
  find: IconSearch,
  handshakes: IconHeartHandshake,
  agreements: IconFileCertificate,
  you: IconKey,
  policies: IconScale,
};

function isTab(value: string | null): value is TabName {
  return TABS.some((tab) => tab === value);
}

/** How much in a tab waits for the person. */
function waitingIn(tab: TabName, view: TrustView): number {
  if (tab === 'handshakes') return view.handshakes.filter(({ needsAction }) => needsAction).length;
  return tab === 'agreements' ? view.agreements.filter((one) => one.isOwnSignatureMissing).length : 0;
}

/** Find others, shake hands, agree; and the own key and record. */
export function Discovery() {
  const { t } = useTranslation();
  const { view } = useTrust();
  const [tab, setTab] = useState<TabName>('find');
  const [handshakeId, setHandshakeId] = useState<string | null>(null);
  const openHandshake = (id: string): void => {
    setHandshakeId(id);
    setTab('handshakes');
  };
  return (
    <Screen title={t('discovery.title')} lead={t('discovery.lead')}>
      {view !== null && (
        <>
          <ConnectionLine view={view} />
          <Tabs value={tab} onChange={(value) => isTab(value) && setTab(value)} keepMounted={false}>
            <Tabs.List aria-label={t('discovery.tabs')} className={classes.tabs ?? ''}>
              {TABS.map((name) => {
                const Shape = ICONS[name];
                const waiting = waitingIn(name, view);
                return (
                  <Tabs.Tab
                    key={name}
                    value={name}
                    data-testid={`discovery-tab-${name}`}
                    leftSection={<Shape size={16} stroke={1.5} aria-hidden="true" />}
                    rightSection={
                      waiting > 0 ? (
                        <Badge size="sm" color="amber" circle aria-label={t('discovery.handshakes.yourTurn')}>
                          {waiting}
                        </Badge>
                      ) : undefined
                    }
                  >
                    {t(`discovery.tab.${name}`)}
                  </Tabs.Tab>
                );
              })}
            </Tabs.List>
            <Tabs.Panel value="find" className={classes.panel ?? ''}>
              <FindTab view={view} onProposed={openHandshake} />
            </Tabs.Panel>
            <Tabs.Panel value="handshakes" className={classes.panel ?? ''}>
              <HandshakesTab view={view} selected={handshakeId} onSelect={setHandshakeId} />
            </Tabs.Panel>
            <Tabs.Panel value="agreements" className={classes.panel ?? ''}>
              <AgreementsTab view={view} />
            </Tabs.Panel>
            <Tabs.Panel value="you" className={classes.panel ?? ''}>
              <YouTab view={view} />
            </Tabs.Panel>
            <Tabs.Panel value="policies" className={classes.panel ?? ''}>
              <PoliciesTab />
            </Tabs.Panel>
          </Tabs>
        </>
      )}
    </Screen>
  );
}

function ConnectionLine({ view: { connection } }: { readonly view: TrustView }) {
  const { t } = useTranslation();
  if (connection.kind === 'connected') return null;
  const text =
    connection.kind === 'unreachable'
      ? t('discovery.connection.unreachable', { reason: connection.message })
      : t(`discovery.connection.${connection.kind}`);
  return (
    <p className={classes.connection} role="status">
      {text}
    </p>
  );
}
