import { ActionIcon, Button, Tooltip } from '@mantine/core';
import {
  IconAlertTriangle,
  IconArrowBackUp,
  IconClock,
  IconFileText,
  IconPencil,
  IconReceipt2,
  IconRobot,
  IconSparkles,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView, StreamView } from '../../../contract';
import { textOf } from '../../../protocol/session/answer-rules';
import type { InferenceCost, Turn } from '../../../protocol/session/session';
import { editedTurnOf, type PostedTurn } from '../../../protocol/session/session-host';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import { MarkdownText } from '../../components/message/MarkdownText';
import { formatBytes, formatCount, formatWireAmount } from '../../format/numbers';
import { formatClock, formatExactTime } from '../../format/times';
import type { TurnTarget } from '../../stores/session-draft';
import { authorStyle } from './author-colour';
import { SaveFileButton } from './SaveFileButton';
import classes from './Sessions.module.css';

interface FrameProps {
  readonly view: SessionView;
  readonly participantId: string;
  readonly author: 'human' | 'model';
  readonly mark: ReactNode;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly quiet?: boolean;
  readonly testId: string;
}

function nameOf(view: SessionView, participantId: string): string {
  return view.state.participants.find(({ id }) => id === participantId)?.display_name ?? '?';
}

function Frame({ view, participantId, author, mark, aside, children, quiet = false, testId }: FrameProps) {
  const { t } = useTranslation();
  const name = nameOf(view, participantId);
  const label = author === 'model' ? t('sessions.modelOf', { name }) : name;
  return (
    <article
      className={classes.turn}
      data-quiet={quiet || undefined}
      data-author={author}
      data-testid={testId}
      style={authorStyle(view.state.participants, participantId)}
      aria-label={label}
    >
      <span className={classes.seq}>{mark}</span>
      <div className={classes.turnMain}>
        <header className={classes.turnHead}>
          <span className={classes.author} title={label}>
            {author === 'model' && <IconRobot size={14} stroke={1.5} aria-hidden="true" />}
            <span className={classes.cut}>{label}</span>
          </span>
          {aside}
        </header>
        {children}
      </div>
    </article>
  );
}

function modelNameOf(turn: Pick<Turn, 'metadata'>): string | null {
  const model = turn.metadata?.['model'];
  if (typeof model !== 'object' || model === null || !('model_id' in model)) return null;
  return typeof model.model_id === 'string' ? model.model_id : null;
}

function CostChip({ cost }: { readonly cost: InferenceCost }) {
  const { t } = useTranslation();
  const hint = t('sessions.settledHint', {
    entry: cost.ledger_ref,
    time: formatExactTime(cost.confirmed_at),
    input: formatCount(cost.input_tokens),
    output: formatCount(cost.output_tokens),
    model: cost.model_id,
  });
  return (
    <Tooltip label={hint}>
      <span className={classes.chip} tabIndex={0} data-testid="turn-cost">
        <IconReceipt2 size={13} stroke={1.5} aria-hidden="true" />
        {t('sessions.settled')} {formatWireAmount(cost.amount)} {cost.unit}
      </span>
    </Tooltip>
  );
}

function Files({ turn, sessionId }: { readonly turn: Pick<Turn, 'content' | 'id'>; readonly sessionId: string }) {
  if (!turn.content.some(({ type }) => type === 'file' || type === 'image')) return null;
  return (
    <ul className={classes.files}>
      {turn.content.map((part, index) => {
        if (part.type !== 'file' && part.type !== 'image') return null;
        const text = 'extracted_text' in part && typeof part.extracted_text === 'string' ? part.extracted_text : null;
        const name = 'name' in part && typeof part.name === 'string' ? part.name : '?';
        const size = 'size_bytes' in part && typeof part.size_bytes === 'number' ? part.size_bytes : 0;
        return (
          <li key={`${name}-${String(index)}`} className={classes.file}>
            <IconFileText size={14} stroke={1.5} aria-hidden="true" />
            <span className={classes.cut}>{name}</span>
            <span className={classes.quiet}>{formatBytes(size)}</span>
            {text !== null && <CopyButton text={text} />}
            <SaveFileButton sessionId={sessionId} turnId={turn.id} part={index} name={name} />
          </li>
        );
      })}
    </ul>
  );
}

/**
 * Models write Markdown. People write as they type, with their own line breaks, unless they put code or a formula into a
 * block of its own.
 */
function TurnText({ text, author }: { readonly text: string; readonly author: 'human' | 'model' }) {
  const isMarkdown = author === 'model' || /^(```|\$\$)/m.test(text);
  return isMarkdown ? (
    <div className={classes.formatted}>
      <MarkdownText text={text} />
    </div>
  ) : (
    <div className={classes.text}>{text}</div>
  );
}

interface TurnRowProps {
  readonly view: SessionView;
  readonly turn: Turn;
  readonly byId: ReadonlyMap<string, Turn>;
  /** The newest turn that puts other text in place of this one. */
  readonly edit: Turn | null;
  readonly onTarget: (target: TurnTarget) => void;
}

/** One numbered turn. */
export function TurnRow({ view, turn, byId, edit, onTarget }: TurnRowProps) {
  const { t } = useTranslation();
  const { state } = view;
  const me = state.participants.find(({ id }) => id === state.participantId);
  const mayWrite = me?.role !== 'observer' && state.head.status === 'open' && state.ended === null;
  const isOwn = turn.participant_id === state.participantId && turn.author === 'human';
  const repliedTo = typeof turn.in_reply_to === 'string' ? byId.get(turn.in_reply_to) : undefined;
  const original = editedTurnOf(turn);
  const text = textOf(edit ?? turn);
  const cost = turn.inference_cost;
  const model = modelNameOf(turn);
  const target = (kind: TurnTarget['kind']): void => onTarget({ kind, turnId: turn.id, seq: turn.seq, text });
  return (
    <Frame
      view={view}
      participantId={turn.participant_id}
      author={turn.author}
      mark={turn.seq}
      quiet={original !== null}
      testId="session-turn"
      aside={
        <>
          {model !== null && (
            <span className={classes.badge} title={model}>
              <span className={classes.cut}>{model}</span>
            </span>
          )}
          <time className={classes.time} dateTime={turn.created_at} title={formatExactTime(turn.created_at)}>
            {formatClock(new Date(turn.created_at))}
          </time>
          {state.unverified.includes(turn.id) && (
            <Tooltip label={t('sessions.unverifiedHint')}>
              <span className={classes.warning} tabIndex={0}>
                <IconAlertTriangle size={14} stroke={1.5} aria-hidden="true" />
                {t('sessions.unverified')}
              </span>
            </Tooltip>
          )}
          {cost !== null && cost !== undefined && <CostChip cost={cost} />}
          <span className={classes.turnActions}>
            {text !== '' && <CopyButton text={text} label={t('sessions.copyText')} />}
            {mayWrite && (
              <Tooltip label={t('sessions.reply')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t('sessions.reply')}
                  onClick={() => target('reply')}
                >
                  <IconArrowBackUp size={16} stroke={1.5} />
                </ActionIcon>
              </Tooltip>
            )}
            {mayWrite && isOwn && original === null && (
              <Tooltip label={t('sessions.edit')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t('sessions.edit')}
                  onClick={() => target('edit')}
                >
                  <IconPencil size={16} stroke={1.5} />
                </ActionIcon>
              </Tooltip>
            )}
            {mayWrite && state.ownModel.modelId !== null && !state.ownModel.answering && (
              <Tooltip label={t('sessions.askModel')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t('sessions.askModel')}
                  onClick={() =>
                    void callOrNotify('session', 'sessions:ask-model', { sessionId: state.head.id, inReplyTo: turn.id })
                  }
                >
                  <IconSparkles size={16} stroke={1.5} />
                </ActionIcon>
              </Tooltip>
            )}
          </span>
        </>
      }
    >
      {repliedTo !== undefined && (
        <p className={`${classes.quote} ${classes.cut}`}>
          {t('sessions.replyTo', { name: nameOf(view, repliedTo.participant_id), seq: repliedTo.seq })}
        </p>
      )}
      {original !== null && (
        <p className={classes.quote}>{t('sessions.editOf', { seq: byId.get(original)?.seq ?? '?' })}</p>
      )}
      {text !== '' && <TurnText text={text} author={turn.author} />}
      {edit !== null && <p className={classes.quote}>{t('sessions.edited', { seq: edit.seq })}</p>}
      <Files turn={turn} sessionId={state.head.id} />
    </Frame>
  );
}

/** An answer that is being written; it has no number before it is finished. */
export function StreamRow({ view, stream }: { readonly view: SessionView; readonly stream: StreamView }) {
  const { t } = useTranslation();
  const name = nameOf(view, stream.participantId);
  return (
    <Frame
      view={view}
      participantId={stream.participantId}
      author="model"
      mark={<IconSparkles size={14} stroke={1.5} aria-hidden="true" />}
      testId="session-stream"
      aside={<span className={classes.time}>{t('sessions.streaming', { name })}</span>}
    >
      <div className={classes.text} data-streaming="true">
        {stream.text}
      </div>
    </Frame>
  );
}

/** An own turn that has no number yet. */
export function WaitingRow({ view, turn }: { readonly view: SessionView; readonly turn: PostedTurn }) {
  const { t } = useTranslation();
  return (
    <Frame
      view={view}
      participantId={turn.participant_id}
      author={turn.author}
      quiet
      mark={<IconClock size={14} stroke={1.5} aria-hidden="true" />}
      testId="session-waiting"
      aside={<span className={classes.time}>{t('sessions.waiting')}</span>}
    >
      <div className={classes.text}>{textOf(turn)}</div>
    </Frame>
  );
}

interface RefusedRowProps {
  readonly view: SessionView;
  readonly turn: PostedTurn;
  readonly reason: string;
}

/** An own turn the host did not take: its words stay until they are thrown away. */
export function RefusedRow({ view, turn, reason }: RefusedRowProps) {
  const { t } = useTranslation();
  const text = textOf(turn);
  const discard = (): void => {
    void callOrNotify('session', 'sessions:forget-refused', { sessionId: view.state.head.id, turnId: turn.id });
  };
  return (
    <Frame
      view={view}
      participantId={turn.participant_id}
      author={turn.author}
      mark={<IconAlertTriangle size={14} stroke={1.5} aria-hidden="true" className={classes.warningIcon} />}
      testId="session-refused"
      aside={
        <span className={classes.turnActions} data-visible="true">
          <CopyButton text={text} label={t('sessions.copyText')} />
          <Button size="compact-xs" variant="default" onClick={discard}>
            {t('sessions.discard')}
          </Button>
        </span>
      }
    >
      <p className={classes.warning}>{t('sessions.refused', { reason })}</p>
      <div className={classes.text}>{text}</div>
    </Frame>
  );
}
