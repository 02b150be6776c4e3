import type { ChatMessage } from '../../protocol/compute/model';
import { editedTurnOf } from '../../protocol/session/session-host';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import { textOf } from '../../protocol/session/answer-rules';
import { tokensAtMost, tokensProbably } from '../../protocol/compute/token-estimates';

/** A window smaller than this is needed whole for what was said. */
const INSTRUCTION_WINDOW = 1_500;

/** What a model is told, and how many of the oldest turns did not fit. */
export interface SessionContext {
  readonly messages: readonly ChatMessage[];
  readonly turnsLeftOut: number;
  readonly inputTokens: number;
}

export interface ContextQuestion {
  readonly title: string;
  readonly participants: readonly SessionParticipant[];
  readonly turns: readonly Turn[];
  readonly participantId: string;
  readonly modelName: string;
  /** The turn to be answered; null for the last one. */
  readonly inReplyTo: string | null;
  readonly contextLength: number;
  readonly maxNewTokens: number;
}

/** The session as it reads now: an edit stands where the turn it replaces stood. */
function currentTurns(turns: readonly Turn[]): Turn[] {
  const edits = new Map<string, Turn>();
  for (const turn of turns) {
    const edited = editedTurnOf(turn);
    if (edited !== null) edits.set(edited, turn);
  }
  return turns.flatMap((turn) => {
    if (editedTurnOf(turn) !== null) return [];
    const edit = edits.get(turn.id);
    return [edit === undefined ? turn : { ...edit, id: turn.id }];
  });
}

/** Text of a turn with that of its files, as a model reads it. */
function readable(turn: Turn): string {
  const files = turn.content.flatMap((part) => {
    if (part.type !== 'file') return [];
    const name = 'name' in part ? String(part.name ?? '') : '';
    return 'extracted_text' in part && typeof part.extracted_text === 'string'
      ? [`File ${name}:\n${part.extracted_text}`]
      : [`(File ${name}, which you cannot read.)`];
  });
  return [textOf(turn), ...files].filter((text) => text !== '').join('\n\n');
}

/** Puts what was said into the form of a chat: own answers as the assistant's, everybody else's with their name. */
export function buildContext(question: ContextQuestion): SessionContext {
  const { turns, participants, participantId, modelName, contextLength, maxNewTokens } = question;
  const names = new Map(participants.map(({ id, display_name: name }) => [id, name]));
  const current = currentTurns(turns);
  const upTo = current.findLastIndex(({ id }) => id === question.inReplyTo);
  const asked = upTo < 0 ? current : current.slice(0, upTo + 1);
  const instruction: ChatMessage[] =
    contextLength < INSTRUCTION_WINDOW
      ? []
      : [
          {
            role: 'system',
            content: `You are ${modelName}, a model in the group session “${question.title}”. Several people and models take part; each message begins with its author's name. Answer the last message, briefly and without your name in front.`,
          },
        ];
  let room = contextLength - maxNewTokens - instruction.reduce((sum, { content }) => sum + tokensProbably(content), 0);
  const kept: ChatMessage[] = [];
  let used = 0;
  for (const turn of asked.toReversed()) {
    const isOwn = turn.participant_id === participantId && turn.author === 'model';
    const name = names.get(turn.participant_id) ?? 'Somebody';
    const speaker = turn.author === 'model' ? `${name}’s model` : name;
    // In a small window, and alone with one's model, the names would only take room.
    const isPlain = isOwn || (contextLength < INSTRUCTION_WINDOW && turn.participant_id === participantId);
    const content = isPlain ? readable(turn) : `${speaker}: ${readable(turn)}`;
    room -= tokensProbably(content);
    if (room < 0 && used > 0) break;
    used += 1;
    const role = isOwn ? 'assistant' : 'user';
    const [next] = kept;
    // Templates of many models want the roles in turns.
    if (next?.role === role) kept[0] = { role, content: `${content}\n\n${next.content}` };
    else kept.unshift({ role, content });
  }
  if (kept[0]?.role === 'assistant') kept.shift();
  const messages = [...instruction, ...kept];
  return { messages, turnsLeftOut: asked.length - used, inputTokens: tokensAtMost(messages) };
}
