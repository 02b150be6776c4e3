import { Button, PasswordInput, Tabs } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { Screen } from '../../components/Screen';
import { Section } from '../../components/Section';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Administration.module.css';
import { AuditPanel } from './AuditPanel';
import { CoveragePanel } from './CoveragePanel';
import { MembersPanel } from './MembersPanel';
import { NodesPanel } from './NodesPanel';
import { NoticesPanel } from './NoticesPanel';
import { PeersPanel } from './PeersPanel';
import { PolicyPanel } from './PolicyPanel';
import { useReading } from '../../stores/use-reading';
import { ChallengesPanel, RequestsPanel } from './WorkPanels';

function NodesTab() {
  return (
    <>
      <CoveragePanel />
      <NodesPanel />
    </>
  );
}

const TABS = [
  ['nodes', NodesTab],
  ['requests', RequestsPanel],
  ['challenges', ChallengesPanel],
  ['members', MembersPanel],
  ['notices', NoticesPanel],
  ['peers', PeersPanel],
  ['policy', PolicyPanel],
  ['audit', AuditPanel],
] as const;

/** Asks for the token that makes this app an administrator of a coordinator that others run. */
function TokenForm({ onSaved }: { readonly onSaved: () => void }) {
  const { t } = useTranslation();
  const [token, setToken] = useState('');
  const save = async (): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:set-token', { token: token.trim() });
    if (!result.ok) return;
    setToken('');
    onSaved();
  };
  return (
    <Section title={t('administration.token.title')} hint={t('administration.token.hint')}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== '') void save();
        }}
      >
        <PasswordInput
          className={classes.grow ?? ''}
          label={t('administration.token.label')}
          value={token}
          autoComplete="off"
          onChange={(event) => setToken(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('settings.accessToken.reveal') }}
        />
        <Button type="submit" disabled={token.trim() === ''}>
          {t('administration.token.save')}
        </Button>
      </form>
    </Section>
  );
}

/** The coordinator seen by who runs it. */
export function Administration() {
  const { t } = useTranslation();
  const [tab, setTab] = useState<string | null>('nodes');
  // Asked again when the coordinator changes or starts.
  const choice = useSnapshot(({ settings }) => settings.coordinator);
  const embedded = useSnapshot(({ embeddedCoordinator }) => embeddedCoordinator.kind);
  const { value: view, refresh } = useReading('administration:get', null);
  const forget = async (): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:set-token', { token: null });
    if (result.ok) refresh();
  };
  const isReady = view !== null && view.hasToken;
  return (
    <Screen
      title={t('administration.title')}
      lead={
        choice.kind === 'embedded'
          ? t('administration.leadEmbedded')
          : t('administration.leadRemote', { url: choice.url })
      }
      actions={
        isReady && choice.kind === 'remote' ? (
          <Button variant="default" size="xs" onClick={() => void forget()}>
            {t('administration.token.forget')}
          </Button>
        ) : undefined
      }
    >
      {view !== null && !view.hasToken && <TokenForm onSaved={refresh} />}
      {isReady && (
        <Tabs value={tab} onChange={setTab} keepMounted={false} key={`${JSON.stringify(choice)} ${embedded}`}>
          <Tabs.List aria-label={t('administration.title')}>
            {TABS.map(([name]) => (
              <Tabs.Tab key={name} value={name} data-testid={`admin-tab-${name}`}>
                {t(`administration.${name === 'members' ? 'invitations' : name}.tab`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {TABS.map(([name, Content]) => (
            <Tabs.Panel key={name} value={name} className={classes.panel ?? ''}>
              <Content />
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
    </Screen>
  );
}
