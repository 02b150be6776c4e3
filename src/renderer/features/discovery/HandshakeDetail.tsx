import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HandshakeView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import { formatExactTime, formatMoment } from '../../format/times';
import { useTrustStore } from '../../stores/trust-store';
import { useNow } from '../../stores/use-now';
import { ChallengeCard } from './ChallengeCard';
import { ChallengeDialog } from './ChallengeDialog';
import { DecideDialog, type DecisionKind } from './DecideDialog';
import discovery from './Discovery.module.css';
import classes from './Handshake.module.css';
import { HandshakeLine } from './HandshakeLine';
import { NoteField } from './NoteField';
import { DEFAULT_QUOTA, QuotaFields } from './QuotaFields';
import { TermsDialog } from './TermsDialog';

type DialogName = 'challenge' | 'terms' | DecisionKind;

const OPEN_PHASES = ['challenging', 'responded', 'decided'];

/** One handshake: where it stands, what can be done, what was said. */
export function HandshakeDetail({ handshake }: { readonly handshake: HandshakeView }) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const [dialog, setDialog] = useState<DialogName | null>(null);
  const agreements = useTrustStore(({ view }) => view?.agreements);
  const name = handshake.other.name === '' ? handshake.other.keyId : handshake.other.name;
  const own = agreements?.filter(({ id }) => handshake.agreementIds.includes(id)) ?? [];
  const isSigned = own.some(({ missing }) => missing.length === 0);
  const nameOf = (side: HandshakeView['ownSide']): string =>
    side === handshake.ownSide ? t('discovery.step.you') : name;
  const close = (): void => setDialog(null);
  return (
    <>
      <Section
        title={t('discovery.handshakes.with', { name })}
        hint={[handshake.other.institution, t('discovery.record.key', { id: handshake.other.keyId })]
          .filter(Boolean)
          .join(' · ')}
        actions={
          <span className={classes.phase} data-phase={handshake.phase} data-testid="handshake-phase">
            {t(`discovery.phase.${handshake.phase}`)}
          </span>
        }
      >
        <HandshakeLine handshake={handshake} agreed={isSigned} />
        <dl className={discovery.definition}>
          <dt>{t('discovery.handshakes.purpose')}</dt>
          <dd>{handshake.purpose}</dd>
          <dt>{t('discovery.mode.label')}</dt>
          <dd>{t(`discovery.mode.${handshake.governanceMode}`)}</dd>
        </dl>
        {handshake.reasons.map(({ by, text }) => (
          <p key={`${by}${text}`} className={classes.text}>
            {t('discovery.handshakes.said', { name: nameOf(by), text })}
          </p>
        ))}
        {handshake.unsent > 0 && (
          <p className={discovery.fact} data-tone="wait">
            {t('discovery.handshakes.unsent', { count: handshake.unsent })}
          </p>
        )}
        <Actions handshake={handshake} hasOffer={own.length > 0} onOpen={setDialog} />
        {OPEN_PHASES.includes(handshake.phase) && (
          <p className={discovery.quiet} title={formatExactTime(handshake.expiresAt)}>
            {t('discovery.handshakes.expires', { time: formatMoment(handshake.expiresAt, nowMs) })}
          </p>
        )}
      </Section>
      {handshake.phase !== 'proposed' && (
        <Section title={t('discovery.challenge.title')}>
          {handshake.challenges.length === 0 && <p className={discovery.quiet}>{t('discovery.challenge.none')}</p>}
          <div>
            {handshake.challenges.map((challenge) => (
              <ChallengeCard key={challenge.id} handshake={handshake} challenge={challenge} otherName={name} />
            ))}
          </div>
        </Section>
      )}
      <Section title={t('discovery.handshakes.note')} hint={t('discovery.handshakes.notePrivate')}>
        <NoteField
          label={t('discovery.handshakes.note')}
          handshakeId={handshake.id}
          challengeId={null}
          note={handshake.note}
        />
      </Section>
      <Section title={t('discovery.handshakes.history')}>
        <ol className={classes.history}>
          {handshake.history.map(({ at, by, kind }) => (
            <li key={`${at}${by}${kind}`} title={formatExactTime(at)}>
              <span className={classes.historyTime}>{formatMoment(at, nowMs)}</span>
              {t(`discovery.handshakes.event.${kind as 'join'}`, { name: nameOf(by) })}
            </li>
          ))}
        </ol>
      </Section>
      {dialog === 'challenge' && <ChallengeDialog handshake={handshake} onClose={close} />}
      {dialog === 'terms' && <TermsDialog handshake={handshake} renews={null} onClose={close} />}
      {(dialog === 'accept' || dialog === 'reject' || dialog === 'withdraw') && (
        <DecideDialog handshake={handshake} name={name} kind={dialog} onClose={close} />
      )}
    </>
  );
}

interface ActionsProps {
  readonly handshake: HandshakeView;
  readonly hasOffer: boolean;
  readonly onOpen: (dialog: DialogName) => void;
}

/** What can be done now. */
function Actions({ handshake, hasOffer, onOpen }: ActionsProps) {
  const { t } = useTranslation();
  const [quota, setQuota] = useState(DEFAULT_QUOTA);
  const { phase, ownSide, own, challenges } = handshake;
  if (phase === 'accepted') {
    return hasOffer ? null : (
      <div className={discovery.actions}>
        <Button onClick={() => onOpen('terms')} data-testid="handshake-offer">
          {t('discovery.handshakes.offer')}
        </Button>
      </div>
    );
  }
  if (phase === 'proposed') {
    const join = (): Promise<unknown> =>
      callOrNotify('handshake', 'handshake:join', { handshakeId: handshake.id, quota, note: '' });
    return (
      <div className={discovery.stack}>
        {ownSide === 'responder' && (
          <>
            <p>{t('discovery.handshakes.joinText')}</p>
            <QuotaFields quota={quota} onChange={setQuota} />
          </>
        )}
        <div className={discovery.actions}>
          {ownSide === 'responder' && (
            <Button onClick={() => void join()} data-testid="handshake-join">
              {t('discovery.handshakes.join')}
            </Button>
          )}
          <Button variant="default" onClick={() => onOpen('withdraw')}>
            {t('discovery.handshakes.withdraw')}
          </Button>
        </div>
      </div>
    );
  }
  if (!OPEN_PHASES.includes(phase)) return null;
  const isUndecided = own.progress.decision === null;
  const isJudged = challenges.every((one) => one.by !== ownSide || (one.response !== null && one.verdict !== null));
  return (
    <div className={discovery.stack}>
      <div className={discovery.actions}>
        {isUndecided && (
          <>
            <Button
              variant="default"
              disabled={handshake.challengesLeft === 0}
              onClick={() => onOpen('challenge')}
              data-testid="handshake-challenge"
            >
              {t('discovery.handshakes.challenge')}
            </Button>
            <Button disabled={!isJudged} onClick={() => onOpen('accept')} data-testid="handshake-accept">
              {t('discovery.handshakes.accept')}
            </Button>
            <Button variant="default" onClick={() => onOpen('reject')}>
              {t('discovery.handshakes.reject')}
            </Button>
          </>
        )}
        <Button variant="default" onClick={() => onOpen('withdraw')}>
          {t('discovery.handshakes.withdraw')}
        </Button>
      </div>
      {isUndecided && (
        <p className={discovery.quiet}>
          {t('discovery.handshakes.left', { count: handshake.challengesLeft })}
          {isJudged ? '' : `. ${t('discovery.handshakes.decideHint')}`}
        </p>
      )}
    </div>
  );
}
