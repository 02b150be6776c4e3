import { Button } from '@mantine/core';
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChatEntry } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { coverageSentence, layerSpans } from '../../components/coverage';
import { failureText } from '../../format/failures';
import { formatCount, formatLayers } from '../../format/numbers';
import { MarkdownText } from '../../components/message/MarkdownText';
import { Parts } from '../../components/message/Parts';
import { keepConversation } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { AnswerFactsLine } from './AnswerFactsLine';
import classes from './Answer.module.css';
import { EntryBranch } from './EntryBranch';

type AnswerEntry = Extract<ChatEntry, { role: 'assistant' }>;

interface AnswerProps {
  readonly conversationId: string;
  readonly entry: AnswerEntry;
  readonly isLast: boolean;
  /** The model asked when the question is asked again. */
  readonly modelId: string | null;
}

interface RetryButtonProps {
  readonly conversationId: string;
  readonly modelId: string | null;
}

function RetryButton({ conversationId, modelId }: RetryButtonProps) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const retry = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('retryQuestion', 'chat:retry', { conversationId, modelId });
    setBusy(false);
    if (result.ok) keepConversation(result.value);
  };
  return (
    <Button
      variant="default"
      size="xs"
      loading={busy}
      leftSection={<IconRefresh size={14} stroke={1.5} />}
      data-testid="chat-retry"
      onClick={() => void retry()}
    >
      {t('chat.retry')}
    </Button>
  );
}

interface AnswerFailureProps {
  readonly error: Failure;
  readonly partial: boolean;
  /** Only the last answer's failure is about the pipeline as it is now. */
  readonly isLast: boolean;
}

function AnswerFailure({ error, partial, isLast }: AnswerFailureProps) {
  const { t } = useTranslation();
  const coverage = useSnapshot((snapshot) => snapshot.coverage);
  const missing = isLast && coverage !== null && !coverage.available ? coverageSentence(t, coverage) : null;
  return (
    <div className={classes.failure} role="alert" data-testid="answer-error">
      <IconAlertTriangle size={18} stroke={1.5} aria-hidden="true" />
      <div>
        <p className={classes.failureTitle}>{t(partial ? 'chat.failedTitlePartial' : 'chat.failedTitle')}</p>
        <p>{failureText(error)}</p>
        {missing !== null && !error.message.includes(missing) && <p>{missing}</p>}
      </div>
    </div>
  );
}

/** Says why an answer stands still, and what happens next. */
function AnswerPause({ layersMissing, seconds }: { layersMissing: readonly number[]; seconds: number }) {
  const { t } = useTranslation();
  const ranges = layerSpans(layersMissing)
    .map(({ start, end }) => formatLayers(start, end))
    .join(', ');
  return (
    <p className={classes.quiet} role="status" data-testid="answer-paused">
      {t('chat.paused', { count: layersMissing.length, ranges, seconds: formatCount(seconds) })}
    </p>
  );
}

/** One answer: its text as it comes, how it ended, and what it took. */
export function Answer({ conversationId, entry, isLast, modelId }: AnswerProps) {
  const { t } = useTranslation();
  const { state, text, facts } = entry;
  const inProgress = state.kind === 'waiting' || state.kind === 'streaming';
  return (
    <article className={classes.answer} aria-label={t('chat.answer')} aria-busy={inProgress}>
      {state.kind === 'waiting' && (
        <p
          className={classes.waiting}
          role={state.position === undefined ? undefined : 'status'}
          data-testid="answer-waiting"
        >
          <span className={classes.caret} aria-hidden="true" />
          {state.position === undefined
            ? t('chat.waiting')
            : t('chat.queued', { count: state.position, ordinal: true })}
        </p>
      )}
      <div
        className={classes.answerText}
        data-streaming={state.kind === 'streaming' || undefined}
        data-testid="answer-text"
        hidden={text === '' && entry.parts === null}
      >
        {inProgress && text}
        {!inProgress && entry.parts === null && <MarkdownText text={text} />}
        {!inProgress && entry.parts !== null && <Parts conversationId={conversationId} parts={entry.parts} />}
      </div>
      {state.kind === 'streaming' && state.paused !== undefined && <AnswerPause {...state.paused} />}
      {state.kind === 'stopped' && <p className={classes.quiet}>{t('chat.stopped')}</p>}
      {state.kind === 'finished' && state.reason === 'length' && <p className={classes.quiet}>{t('chat.length')}</p>}
      {state.kind === 'failed' && <AnswerFailure error={state.error} partial={text !== ''} isLast={isLast} />}
      {!inProgress && (
        <div className={classes.answerFoot}>
          {facts !== null && <AnswerFactsLine facts={facts} finished={state.kind === 'finished'} />}
          <div className={classes.answerActions}>
            <EntryBranch conversationId={conversationId} place={entry.branch} />
            {text !== '' && <CopyButton text={text} label={t('common.copy')} />}
            {isLast && <RetryButton conversationId={conversationId} modelId={modelId} />}
          </div>
        </div>
      )}
    </article>
  );
}
