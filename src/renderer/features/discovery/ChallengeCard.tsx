import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChallengeView, HandshakeView } from '../../../contract';
import { domainTitle, subdomainTitle } from '../../../protocol/trust/taxonomy';
import { callOrNotify } from '../../app/notify';
import { formatCount } from '../../format/numbers';
import { AnswerForm } from './AnswerForm';
import discovery from './Discovery.module.css';
import classes from './Handshake.module.css';
import { NoteField } from './NoteField';

const OPEN_PHASES = ['challenging', 'responded', 'decided'];

interface ChallengeCardProps {
  readonly handshake: HandshakeView;
  readonly challenge: ChallengeView;
  readonly otherName: string;
}

/** One challenge with its answer: to be answered, or to be judged. */
export function ChallengeCard({ handshake, challenge, otherName }: ChallengeCardProps) {
  const { t, i18n } = useTranslation();
  const isOwn = challenge.by === handshake.ownSide;
  const isOpen = OPEN_PHASES.includes(handshake.phase);
  const canJudge = isOwn && challenge.response !== null && isOpen && handshake.own.progress.decision === null;
  return (
    <article className={classes.challenge} data-testid="challenge">
      <div className={classes.challengeHead}>
        <span>
          {isOwn ? t('discovery.challenge.byYou') : t('discovery.challenge.byOther', { name: otherName })}
          {' · '}
          {domainTitle(challenge.domain, i18n.language)} ·{' '}
          {subdomainTitle(challenge.domain, challenge.subdomain, i18n.language)}
        </span>
        {challenge.form === 'compute' && (
          <span>
            {t('discovery.challenge.compute', {
              model: challenge.modelId ?? '',
              tokens: formatCount(challenge.maxNewTokens ?? 0),
            })}
          </span>
        )}
      </div>
      <p className={classes.text}>{challenge.prompt}</p>
      <Answer challenge={challenge} isOwn={isOwn} />
      {!isOwn && challenge.response === null && isOpen && (
        <AnswerForm handshakeId={handshake.id} challenge={challenge} />
      )}
      {isOwn && challenge.response !== null && (
        <Judgement handshake={handshake} challenge={challenge} canJudge={canJudge} />
      )}
    </article>
  );
}

function Answer({ challenge, isOwn }: { readonly challenge: ChallengeView; readonly isOwn: boolean }) {
  const { t } = useTranslation();
  const { response } = challenge;
  if (response === null) return isOwn ? <p className={discovery.quiet}>{t('discovery.challenge.waiting')}</p> : null;
  return (
    <div className={classes.answer}>
      <p className={discovery.quiet}>
        {response.author === 'human'
          ? t('discovery.challenge.human')
          : t('discovery.challenge.model', { model: response.modelId ?? '' })}
      </p>
      {response.text}
    </div>
  );
}

interface JudgementProps {
  readonly handshake: HandshakeView;
  readonly challenge: ChallengeView;
  readonly canJudge: boolean;
}

/** The own verdict and note on an answer; a compute challenge can be computed again here. */
function Judgement({ handshake, challenge, canJudge }: JudgementProps) {
  const { t } = useTranslation();
  const mark = (value: string): void => {
    const verdict = value === 'accepted' || value === 'rejected' ? value : null;
    void callOrNotify('handshake', 'handshake:mark', {
      handshakeId: handshake.id,
      challengeId: challenge.id,
      verdict,
    });
  };
  return (
    <>
      {challenge.form === 'compute' && <ComputeAgain handshakeId={handshake.id} challenge={challenge} />}
      <div className={classes.judge}>
        <SegmentedControl
          aria-label={t('discovery.challenge.verdict')}
          disabled={!canJudge}
          value={challenge.verdict ?? ''}
          onChange={mark}
          data={[
            { value: 'accepted', label: t('discovery.challenge.good') },
            { value: 'rejected', label: t('discovery.challenge.bad') },
          ]}
          data-testid="challenge-verdict"
        />
        <NoteField
          label={t('discovery.challenge.note')}
          handshakeId={handshake.id}
          challengeId={challenge.id}
          note={challenge.note}
        />
      </div>
      {canJudge && <p className={discovery.quiet}>{t('discovery.challenge.verdictHint')}</p>}
    </>
  );
}

function ComputeAgain({ handshakeId, challenge }: { readonly handshakeId: string; readonly challenge: ChallengeView }) {
  const { t } = useTranslation();
  const [text, setText] = useState<string | null>(null);
  const [isWorking, setWorking] = useState(false);
  const compute = async (): Promise<void> => {
    setWorking(true);
    const result = await callOrNotify('handshake', 'handshake:draft-answer', {
      handshakeId,
      challengeId: challenge.id,
      modelId: challenge.modelId ?? '',
    });
    setWorking(false);
    if (result.ok) setText(result.value.text);
  };
  const isSame = text !== null && text.trim() === challenge.response?.text.trim();
  return (
    <div className={discovery.actions}>
      <Button variant="default" size="xs" loading={isWorking} onClick={() => void compute()}>
        {t('discovery.challenge.compare')}
      </Button>
      {text !== null && (
        <span className={discovery.fact} data-tone={isSame ? 'good' : 'bad'} role="status">
          {isSame ? t('discovery.challenge.same') : t('discovery.challenge.differs', { text })}
        </span>
      )}
    </div>
  );
}
