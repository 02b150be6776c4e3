import { isPart, type ContentPart } from '../../protocol/conversation/content';
import type { Conversation, ParticipantRole } from '../../protocol/conversation/conversation';
import { shownBranch } from '../../protocol/conversation/shown-branch';

const ROLES: Readonly<Record<ParticipantRole, string>> = {
  human: 'user',
  model: 'assistant',
  system: 'system',
  tool: 'tool',
};

/** One message in the form that fine-tuning services share. */
interface TrainingMessage {
  role: string;
  content: string;
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

function textOf(part: ContentPart): string | null {
  if (isPart(part, 'text')) return part.text;
  if (isPart(part, 'code')) return `\`\`\`${part.language ?? ''}\n${part.code.replace(/\n$/, '')}\n\`\`\``;
  if (!isPart(part, 'tool_result')) return null;
  const value = part.output ?? part.content ?? '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function trainingMessage(role: ParticipantRole, id: string, content: readonly ContentPart[]): TrainingMessage {
  const texts = content.map(textOf).filter((text) => text !== null);
  const message: TrainingMessage = { role: ROLES[role], content: texts.join('\n\n') };
  const calls = content.filter((part) => isPart(part, 'tool_call'));
  if (calls.length > 0) {
    message.tool_calls = calls.map(({ call_id: callId, name, arguments: given }, index) => ({
      id: callId ?? `${id}-${index + 1}`,
      type: 'function',
      function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}) },
    }));
  }
  const callId = content.find((part) => isPart(part, 'tool_result'))?.call_id;
  if (role === 'tool' && callId !== null && callId !== undefined) message.tool_call_id = callId;
  return message;
}

/**
 * The shown branch of a conversation as one line of JSON for fine-tuning: `{"messages": [{"role", "content"}]}`. Text, code
 * and tools are taken; thinking, images, files and citations have no place in that form.
 */
export function writeTrainingLine(conversation: Conversation): string {
  const roles = new Map(conversation.participants.map(({ id, role }) => [id, role]));
  const messages = shownBranch(conversation)
    .map(({ id, participant_id, content }) => trainingMessage(roles.get(participant_id) ?? 'human', id, content))
    .filter(({ content, tool_calls }) => content !== '' || tool_calls !== undefined);
  return `${JSON.stringify({ messages })}\n`;
}
