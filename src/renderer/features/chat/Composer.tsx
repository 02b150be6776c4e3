import { ActionIcon, Button, Textarea, VisuallyHidden } from '@mantine/core';
import { IconArrowUp, IconPlayerStop, IconRouteOff } from '@tabler/icons-react';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_CHAT_TEXT_LENGTH, type ModelSummary } from '../../../contract';
import { keepFootRoom } from '../../app/foot-room';
import { callOrNotify } from '../../app/notify';
import { coverageSentence } from '../../components/coverage';
import { answerInProgress } from '../../stores/chat-replica';
import { keepConversation, NEW_CONVERSATION, openConversation, setDraft, useChatStore } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { useUiStore } from '../../stores/ui-store';
import classes from './Chat.module.css';
import { EstimateLine } from './EstimateLine';
import { useEstimate } from './use-estimate';

interface ComposerProps {
  readonly conversationId: string | null;
  readonly model: ModelSummary | null;
}

/** Says before sending that the model cannot answer now. */
function PipelineNotice({ model }: { readonly model: ModelSummary | null }) {
  const { t } = useTranslation();
  const coverage = useSnapshot((snapshot) => snapshot.coverage);
  const isElsewhere = useSnapshot(({ settings }) => settings.chat.answeredBy === 'fallback');
  if (isElsewhere || model === null || coverage === null || coverage.modelId !== model.modelId || coverage.available)
    return null;
  return (
    <p className={classes.notice} role="status">
      <IconRouteOff size={16} stroke={1.5} aria-hidden="true" />
      <span>{coverageSentence(t, coverage)}</span>
    </p>
  );
}

/** Where questions are written. */
export function Composer({ conversationId, model }: ComposerProps) {
  const { t } = useTranslation();
  const draftKey = conversationId ?? NEW_CONVERSATION;
  const text = useChatStore(({ drafts }) => drafts[draftKey] ?? '');
  const view = useChatStore(({ views }) => (conversationId === null ? null : (views[conversationId] ?? null)));
  const inputRef = useRef<HTMLTextAreaElement>(null);
  const [sending, setSending] = useState(false);
  const answering = answerInProgress(view) !== null;
  const last = view?.entries.at(-1);
  // The failed answer says itself which layers are missing.
  const lastFailed = last?.role === 'assistant' && last.state.kind === 'failed';
  const estimate = useEstimate(conversationId, model?.modelId ?? null, text);

  useEffect(() => {
    inputRef.current?.focus();
    return useUiStore.subscribe((state, previous) => {
      if (state.composerFocusRequests !== previous.composerFocusRequests) inputRef.current?.focus();
    });
  }, []);

  const canSend = model !== null && text.trim() !== '' && !sending && !answering;

  const send = async (): Promise<void> => {
    if (!canSend) return;
    setSending(true);
    const result = await callOrNotify('sendQuestion', 'chat:send', { conversationId, modelId: model.modelId, text });
    setSending(false);
    // A question that was not taken stays in the field.
    if (!result.ok) return;
    setDraft(draftKey, '');
    keepConversation(result.value);
    if (conversationId === null) openConversation(result.value.id);
  };

  const stop = async (): Promise<void> => {
    if (conversationId !== null) await callOrNotify('stopAnswer', 'chat:stop', { conversationId });
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };

  return (
    <div ref={keepFootRoom} className={classes.composer}>
      <div className={classes.column}>
        {!lastFailed && <PipelineNotice model={model} />}
        <div className={classes.composerRow}>
          <Textarea
            ref={inputRef}
            className={classes.composerInput ?? ''}
            aria-label={t('chat.composer')}
            aria-describedby="composer-keys"
            placeholder={t('chat.placeholder')}
            value={text}
            maxLength={MAX_CHAT_TEXT_LENGTH}
            autosize
            minRows={1}
            maxRows={8}
            size="md"
            onChange={(event) => setDraft(draftKey, event.currentTarget.value)}
            onKeyDown={onKeyDown}
            data-testid="composer-input"
          />
          {answering ? (
            <Button
              variant="default"
              h={44}
              leftSection={<IconPlayerStop size={16} stroke={1.5} />}
              data-testid="chat-stop"
              onClick={() => void stop()}
            >
              {t('chat.stop')}
            </Button>
          ) : (
            <ActionIcon
              size={44}
              variant="filled"
              aria-label={t('chat.send')}
              disabled={!canSend}
              loading={sending}
              data-testid="composer-send"
              onClick={() => void send()}
            >
              <IconArrowUp size={20} stroke={1.5} />
            </ActionIcon>
          )}
        </div>
        <div className={classes.composerFoot}>
          <EstimateLine state={estimate} />
          <span id="composer-keys" className={classes.keys}>
            {t('chat.keys')}
          </span>
        </div>
        <VisuallyHidden role="status">{answering ? t('chat.waiting') : ''}</VisuallyHidden>
      </div>
    </div>
  );
}
