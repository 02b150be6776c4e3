import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PeerView } from '../../../protocol/federation/administration';
import type { StatusTone } from '../../app/node-status';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import { ShortId } from '../../components/ShortId';
import { StateBadge } from '../../components/StateBadge';
import { formatBytes, formatCount, formatWireAmount } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './PeersPanel.module.css';
import { PeerStatements } from './PeerStatements';

type Grant = PeerView['agreement']['serves'];

const TONES: Readonly<Record<string, StatusTone>> = {
  up: 'working',
  greeting: 'busy',
  down: 'offline',
  cut: 'paused',
  barred: 'attention',
};

function useStateWord({ state, since, last_up_at: lastUp }: PeerView['link'], nowMs: number): string {
  const { t } = useTranslation();
  switch (state) {
    case 'up':
      return t('administration.peers.up', { time: since === null ? '' : formatMoment(since, nowMs) });
    case 'greeting':
      return t('administration.peers.greeting');
    case 'cut':
      return t('administration.peers.cutState');
    case 'barred':
      return t('administration.peers.barred');
    default:
      return lastUp === null
        ? t('administration.peers.down')
        : t('administration.peers.downSince', { time: formatMoment(lastUp, nowMs) });
  }
}

/** What one side serves, with its limits, in words. */
function GrantText({ grant, unit }: { readonly grant: Grant; readonly unit: string }) {
  const { t } = useTranslation();
  if (grant === null) return t('administration.peers.nothing');
  const parts = [
    grant.models === 'any' ? t('administration.peers.any') : grant.models.join(', '),
    ...(grant.hours === undefined ? [] : [t('administration.peers.hours', grant.hours)]),
    ...(grant.max_requests_per_minute === undefined
      ? []
      : [t('administration.peers.perMinute', { count: grant.max_requests_per_minute })]),
    ...(grant.max_requests_at_once === undefined
      ? []
      : [t('administration.peers.atOnce', { count: grant.max_requests_at_once })]),
    ...(grant.max_amount === undefined
      ? []
      : [t('administration.peers.total', { amount: formatWireAmount(grant.max_amount), unit })]),
    ...(grant.data === 'requester-ends' ? [t('administration.peers.ends')] : []),
  ];
  return parts.join('; ');
}

function Agreement({ agreement }: { readonly agreement: PeerView['agreement'] }) {
  const { t } = useTranslation();
  const { own_party: own, peer_party: other, unit, rate, expires_at: expires, terminated_at: ended } = agreement;
  const end =
    ended !== null
      ? t('administration.peers.terminated', { time: formatExactTime(ended) })
      : expires === null
        ? t('administration.peers.withoutEnd')
        : t('administration.peers.untilTime', { time: formatExactTime(expires) });
  return (
    <>
      <dt>{t('administration.peers.agreement')}</dt>
      <dd>
        {t('administration.peers.between', { own, other })}, {end} <ShortId id={agreement.id} copy />
        <div>
          {rate === 0
            ? t('administration.peers.freeUnit')
            : t('administration.peers.unit', { unit, rate: String(rate) })}
        </div>
      </dd>
      <dt>{t('administration.peers.serves')}</dt>
      <dd>
        <GrantText grant={agreement.serves} unit={unit} />
      </dd>
      <dt>{t('administration.peers.served')}</dt>
      <dd>
        <GrantText grant={agreement.served} unit={unit} />
      </dd>
    </>
  );
}

function Settled({ settled, unit }: { readonly settled: PeerView['settled']; readonly unit: string }) {
  const { t } = useTranslation();
  const sum = ({ requests, amount }: PeerView['settled']['served']): string =>
    t('administration.peers.sum', {
      count: requests,
      shown: formatCount(requests),
      amount: formatWireAmount(amount),
      unit,
    });
  return (
    <>
      <dt>{t('administration.peers.sums')}</dt>
      <dd>
        <ul className={classes.list}>
          <li>
            {t('administration.peers.serves')}: {sum(settled.served)}
          </li>
          <li>
            {t('administration.peers.served')}: {sum(settled.consumed)}
          </li>
          {settled.owed > 0 && <li>{t('administration.peers.owed', { count: settled.owed })}</li>}
          {settled.refused > 0 && <li>{t('administration.peers.refused', { count: settled.refused })}</li>}
        </ul>
      </dd>
    </>
  );
}

interface PeerCardProps {
  readonly peer: PeerView;
  readonly onChanged: () => void;
}

/** One linked coordinator. */
export function PeerCard({ peer, onChanged }: PeerCardProps) {
  const { t } = useTranslation();
  const nowMs = useNow(30_000);
  const [busy, setBusy] = useState(false);
  const word = useStateWord(peer.link, nowMs);
  const { name, link, agreement, traffic } = peer;
  const isCut = link.state === 'cut';
  const act = async (): Promise<void> => {
    setBusy(true);
    await callOrNotify('administration', isCut ? 'administration:resume-peer' : 'administration:cut-peer', { name });
    setBusy(false);
    onChanged();
  };
  return (
    <Section
      title={name}
      testId={`peer-${name}`}
      actions={
        link.state === 'barred' ? undefined : (
          <Button
            size="xs"
            variant="default"
            loading={busy}
            aria-label={t(isCut ? 'administration.peers.resumeNamed' : 'administration.peers.cutNamed', { name })}
            onClick={() => void act()}
          >
            {t(isCut ? 'administration.peers.resume' : 'administration.peers.cut')}
          </Button>
        )
      }
    >
      <StateBadge tone={TONES[link.state] ?? 'offline'} word={word} testId="peer-state" />
      {link.reason !== null && <p className={classes.reason}>{link.reason}</p>}
      <dl className={classes.facts}>
        <Agreement agreement={agreement} />
        <dt>{t('administration.peers.models')}</dt>
        <dd>
          {peer.models
            .filter(({ available }) => available)
            .map(({ friendly_name: shown }) => shown)
            .join(', ') || t('administration.peers.nothing')}
        </dd>
        <Settled settled={peer.settled} unit={agreement.unit} />
        <dt>{t('administration.peers.traffic')}</dt>
        <dd>
          {t('administration.peers.bytes', { in: formatBytes(traffic.bytes_in), out: formatBytes(traffic.bytes_out) })}
          <div>
            {t('administration.peers.running', {
              serving: formatCount(traffic.serving),
              asking: formatCount(traffic.asking),
            })}
          </div>
        </dd>
        {peer.refusals.length > 0 && (
          <>
            <dt>{t('administration.peers.refusals')}</dt>
            <dd>
              <ul className={classes.list}>
                {peer.refusals.slice(0, 5).map((refusal) => (
                  <li key={`${refusal.at} ${refusal.code} ${refusal.message}`} title={formatExactTime(refusal.at)}>
                    {formatMoment(refusal.at, nowMs)}: {refusal.message}
                  </li>
                ))}
              </ul>
            </dd>
          </>
        )}
      </dl>
      <PeerStatements name={name} unit={agreement.unit} isLinked={link.state === 'up'} />
    </Section>
  );
}
