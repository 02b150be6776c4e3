import { Button, Menu, Modal, TextInput } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay, IconServer2 } from '@tabler/icons-react';
import { useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HostView } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { describeState } from '../../app/node-status';
import { callOrNotify } from '../../app/notify';
import { minutesOf, PAUSE_CHOICES } from '../../app/pause-choices';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { Section } from '../../components/Section';
import { failureText } from '../../format/failures';
import { formatAmount, formatCount, formatLayers, formatSpeed } from '../../format/numbers';
import { useNow } from '../../stores/use-now';
import { callTore } from '../../stores/tore-api';
import classes from './Hosts.module.css';

/** The other computers are asked again this often while they are on show. */
const REFRESH_MS = 5_000;
const COMMAND = 'tore-node … --remote-control 0.0.0.0:7450';

type Show = (hosts: readonly HostView[]) => void;

/** The paired computers, asked again and again while the tab is open and the window visible. */
function useHosts(): { hosts: readonly HostView[] | null; failure: Failure | null; show: Show } {
  const [hosts, setHosts] = useState<readonly HostView[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const show = useCallback<Show>((next) => setHosts(next), []);
  useEffect(() => {
    let ended = false;
    let reading = false;
    const read = async (): Promise<void> => {
      // A computer that does not answer is waited for; another round in the meantime would not be sooner.
      if (reading || document.visibilityState === 'hidden') return;
      reading = true;
      const result = await callTore('hosts:get', null);
      reading = false;
      if (ended) return;
      setFailure(result.ok ? null : result.error);
      if (result.ok) setHosts(result.value);
    };
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => {
      ended = true;
      clearInterval(timer);
    };
  }, []);
  return { hosts, failure, show };
}

function PairForm({ onPaired }: { readonly onPaired: Show }) {
  const { t } = useTranslation();
  const [address, setAddress] = useState('');
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const pair = async (): Promise<void> => {
    setBusy(true);
    const result = await callTore('hosts:pair', { address: address.trim(), code: code.trim() });
    setProblem(result.ok ? null : failureText(result.error));
    if (result.ok) {
      onPaired(result.value);
      setAddress('');
      setCode('');
    }
    setBusy(false);
  };
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        void pair();
      }}
    >
      <TextInput
        label={t('hosts.address')}
        placeholder="192.168.1.20:7450"
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
        spellCheck={false}
        maxLength={300}
        data-testid="host-address"
      />
      <TextInput
        label={t('hosts.code')}
        placeholder="XXXX-XXXX-XXXX"
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        spellCheck={false}
        autoComplete="off"
        maxLength={60}
        aria-describedby="pair-problem"
        data-testid="host-code"
      />
      <Button
        type="submit"
        loading={busy}
        disabled={address.trim() === '' || code.trim() === ''}
        data-testid="host-pair"
      >
        {t('hosts.pair')}
      </Button>
      <p id="pair-problem" className={classes.problem} role="status">
        {problem}
      </p>
    </form>
  );
}

function useFacts({ status }: HostView): string {
  const { t } = useTranslation();
  if (status === null) return '';
  const { model, layers, tokensPerSecond, requestsActive, requestsServed, balanceMicroGft, coordinator } = status;
  return [
    coordinator,
    model !== null && layers !== null
      ? t('hosts.layers', { layers: formatLayers(layers.first, layers.last), total: formatCount(layers.total), model })
      : null,
    tokensPerSecond === null ? null : t('activity.speed', { speed: formatSpeed(tokensPerSecond) }),
    requestsActive > 0 ? t('activity.requests', { count: requestsActive, shown: formatCount(requestsActive) }) : null,
    t('hosts.served', { count: requestsServed, shown: formatCount(requestsServed) }),
    balanceMicroGft === null ? null : `${formatAmount(balanceMicroGft)} ${t('common.gft')}`,
  ]
    .filter((fact) => fact !== null)
    .join(' · ');
}

/** What it does, in the language of the window; in its own words where its program is newer than this one. */
function useStateText({ status, failure }: HostView): string {
  const { t } = useTranslation();
  const nowMs = useNow(10_000);
  if (failure !== null) return failureText(failure);
  if (status === null) return t('hosts.asking');
  if (status.state === null) return status.sentence;
  const names = { coordinator: status.coordinator ?? '', model: (id: string): string => status.model ?? id };
  const { word, reason, next } = describeState(t, status.state, names, nowMs);
  return [`${word}. ${reason}`, next].filter((part) => part !== null).join(' ');
}

function LogDialog({ host, onClose }: { readonly host: HostView; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const [lines, setLines] = useState<readonly string[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const { id } = host;
  useEffect(() => {
    let ended = false;
    void callTore('hosts:log', { id }).then((result) => {
      if (ended) return;
      if (result.ok) setLines(result.value);
      else setFailure(result.error);
    });
    return () => {
      ended = true;
    };
  }, [id]);
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t('hosts.logOf', { name: host.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {failure !== null && <p className={classes.problem}>{failureText(failure)}</p>}
      {lines !== null && (
        <pre className={classes.log} tabIndex={0} role="region" aria-label={t('hosts.logOf', { name: host.name })}>
          {lines.length === 0 ? t('hosts.logEmpty') : lines.join('\n')}
        </pre>
      )}
    </Modal>
  );
}

function HostRow({ host, show }: { readonly host: HostView; readonly show: Show }) {
  const { t } = useTranslation();
  const [dialog, setDialog] = useState<'log' | 'remove' | null>(null);
  const facts = useFacts(host);
  const stateText = useStateText(host);
  const { id, name, address, status, failure } = host;
  const steer = async (minutes: number | null | 'resume'): Promise<void> => {
    const done =
      minutes === 'resume'
        ? await callOrNotify('host', 'hosts:resume', { id })
        : await callOrNotify('host', 'hosts:pause', { id, minutes });
    if (done.ok) show(done.value);
  };
  const unpair = async (): Promise<void> => {
    setDialog(null);
    const done = await callOrNotify('host', 'hosts:unpair', { id });
    if (done.ok) show(done.value);
  };
  const pausedByPerson =
    status?.state?.kind === 'paused' && (status.state.reason.kind === 'user' || status.state.reason.kind === 'snoozed');
  return (
    <li className={classes.host} data-testid="host">
      <IconServer2 size={20} stroke={1.5} aria-hidden="true" />
      <div className={classes.text}>
        <h3 className={classes.name}>{name}</h3>
        <p className={classes.address}>{address}</p>
        <p role="status" data-testid="host-state" className={failure === null ? undefined : classes.problem}>
          {stateText}
        </p>
        {facts !== '' && <p className={classes.facts}>{facts}</p>}
      </div>
      <div className={classes.buttons}>
        {status !== null && pausedByPerson && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlayerPlay size={14} stroke={1.5} aria-hidden="true" />}
            aria-label={t('hosts.resumeOf', { name })}
            onClick={() => void steer('resume')}
          >
            {t('statusLine.resume')}
          </Button>
        )}
        {status !== null && !pausedByPerson && (
          <Menu position="bottom-end" width={208} withinPortal={false} withInitialFocusPlaceholder={false}>
            <Menu.Target>
              <Button
                variant="default"
                size="xs"
                leftSection={<IconPlayerPause size={14} stroke={1.5} aria-hidden="true" />}
                aria-label={t('hosts.pauseOf', { name })}
                data-testid="host-pause"
              >
                {t('statusLine.pause')}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {PAUSE_CHOICES.map((choice) => (
                <Menu.Item
                  key={choice}
                  data-testid={`host-pause-${choice}`}
                  onClick={() => void steer(minutesOf(choice))}
                >
                  {t(`statusLine.${choice}`)}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        )}
        {status !== null && (
          <Button variant="default" size="xs" aria-label={t('hosts.logOf', { name })} onClick={() => setDialog('log')}>
            {t('hosts.log')}
          </Button>
        )}
        <Button
          variant="subtle"
          size="xs"
          aria-label={t('hosts.removeOf', { name })}
          onClick={() => setDialog('remove')}
        >
          {t('models.remove')}
        </Button>
      </div>
      {dialog === 'log' && <LogDialog host={host} onClose={() => setDialog(null)} />}
      <Modal
        opened={dialog === 'remove'}
        onClose={() => setDialog(null)}
        title={t('hosts.removeTitle', { name })}
        closeButtonProps={{ 'aria-label': t('common.close') }}
        centered
      >
        <p className={classes.facts}>{t('hosts.removeHint')}</p>
        <div className={classes.dialogButtons}>
          <Button variant="default" onClick={() => setDialog(null)} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button color="coral" onClick={() => void unpair()} data-testid="host-remove-confirm">
            {t('models.removeConfirm')}
          </Button>
        </div>
      </Modal>
    </li>
  );
}

/** The person's other machines: how they are, and how to steer them. */
export function HostsTab() {
  const { t } = useTranslation();
  const { hosts, failure, show } = useHosts();
  return (
    <>
      <Section title={t('hosts.title')} hint={t('hosts.hint')}>
        {failure !== null && <FailedState title={t('hosts.failedTitle')} failure={failure} />}
        {hosts !== null && hosts.length === 0 && (
          <EmptyState icon={IconServer2} title={t('hosts.emptyTitle')}>
            {t('hosts.empty')}
          </EmptyState>
        )}
        {hosts !== null && hosts.length > 0 && (
          <ul className={classes.hosts}>
            {hosts.map((host) => (
              <HostRow key={host.id} host={host} show={show} />
            ))}
          </ul>
        )}
      </Section>
      <Section title={t('hosts.addTitle')} hint={t('hosts.addHint')}>
        <code className={classes.command}>{COMMAND}</code>
        <PairForm onPaired={show} />
      </Section>
    </>
  );
}
