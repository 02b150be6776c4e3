import { Button, Skeleton } from '@mantine/core';
import { IconArrowDown } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConversationView, ModelSummary } from '../../../contract';
import { FailedState } from '../../components/FailedState';
import { answerInProgress } from '../../stores/chat-replica';
import { fetchConversation, useChatStore } from '../../stores/chat-store';
import { Answer } from './Answer';
import classes from './Chat.module.css';
import { FirstQuestions } from './FirstQuestions';
import { HandoffNote } from './HandoffNote';
import { Question } from './Question';
import { useStickToBottom } from './use-stick-to-bottom';

/** Entries shown at first, and with each further step: an imported conversation may have thousands. */
const ENTRIES_STEP = 100;

interface ThreadProps {
  readonly conversationId: string | null;
  readonly model: ModelSummary | null;
}

function Entries({ view, modelId }: { readonly view: ConversationView; readonly modelId: string | null }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(ENTRIES_STEP);
  const last = view.entries.at(-1);
  const hiddenCount = Math.max(0, view.entries.length - shown);
  const isAnswering = answerInProgress(view) !== null;
  return (
    <>
      {hiddenCount > 0 && (
        <Button variant="default" size="xs" onClick={() => setShown(shown + ENTRIES_STEP)}>
          {t('chat.showEarlier', { count: hiddenCount })}
        </Button>
      )}
      <ol className={classes.entries}>
        {view.entries.slice(hiddenCount).map((entry) => (
          <li key={entry.id}>
            {entry.role === 'user' ? (
              <Question conversationId={view.id} entry={entry} modelId={modelId} isAnswering={isAnswering} />
            ) : (
              <Answer conversationId={view.id} entry={entry} isLast={entry.id === last?.id} modelId={modelId} />
            )}
          </li>
        ))}
      </ol>
    </>
  );
}

/** The open conversation, or the first questions of a new one. */
export function Thread({ conversationId, model }: ThreadProps) {
  const { t } = useTranslation();
  const view = useChatStore(({ views }) => (conversationId === null ? null : (views[conversationId] ?? null)));
  const failure = useChatStore(({ failures }) => (conversationId === null ? null : (failures[conversationId] ?? null)));
  const { scrollRef, atBottom, toBottom, follow } = useStickToBottom();
  useEffect(follow, [view, follow]);

  return (
    <div className={classes.threadFrame}>
      <div ref={scrollRef} className={classes.thread} role="region" aria-label={t('chat.thread')} tabIndex={0}>
        <div className={classes.column}>
          {conversationId === null && <FirstQuestions model={model} />}
          {view !== null && <HandoffNote view={view} />}
          {view !== null && <Entries view={view} modelId={model?.modelId ?? null} />}
          {conversationId !== null && view === null && failure === null && (
            <div role="status" aria-label={t('chat.opening')} className={classes.opening}>
              <Skeleton height={40} width="60%" ml="auto" />
              <Skeleton height={96} />
            </div>
          )}
          {conversationId !== null && view === null && failure !== null && (
            <FailedState
              title={t('chat.openFailed')}
              action={
                <Button variant="default" onClick={() => void fetchConversation(conversationId)}>
                  {t('common.retry')}
                </Button>
              }
              failure={failure}
            />
          )}
        </div>
      </div>
      {!atBottom && view !== null && (
        <Button
          className={classes.jump ?? ''}
          variant="default"
          size="xs"
          radius="xl"
          leftSection={<IconArrowDown size={14} stroke={1.5} />}
          onClick={toBottom}
        >
          {t('chat.jumpToLatest')}
        </Button>
      )}
    </div>
  );
}
