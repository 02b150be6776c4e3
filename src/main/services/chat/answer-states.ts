import type { AnswerState } from '../../../contract/chat';
import type { Conversation } from '../../../protocol/conversation/conversation';
import type { Failure } from '../../../protocol/result';
import { isUnfinished, readAnswer, writeAnswer } from './answer-record';
import type { AnswerOutcome } from './answer-source';
import { replaceMessage, roleOf, textOf } from './conversation-document';
import type { RunningAnswer } from './running-answer';

/** The document with what has arrived of an answer. */
export function intoDocument(document: Conversation, answer: RunningAnswer): Conversation {
  const message = document.messages.find(({ id }) => id === answer.entryId);
  return message === undefined ? document : replaceMessage(document, writeAnswer(message, answer.text, answer.details));
}

/** The state an answer ends in. */
export function endOf(outcome: AnswerOutcome): AnswerState {
  switch (outcome.finishReason) {
    case 'stop':
    case 'length':
      return { kind: 'finished', reason: outcome.finishReason };
    case 'cancelled':
      return { kind: 'stopped' };
    case 'error':
      return {
        kind: 'failed',
        error: {
          code: 'answer-broken-off',
          message: 'The pipeline broke off before the answer was complete. What arrived is kept.',
          retryable: true,
          suggestion: 'Ask again.',
        },
      };
  }
}

/** Only the fields of a failure, whatever else an object from another process carries. */
export function plainFailure({ code, message, retryable, suggestion }: Failure): Failure {
  return suggestion === undefined ? { code, message, retryable } : { code, message, retryable, suggestion };
}

/** Marks answers that were under way when the app ended without saving their end. */
export function stopLeftovers(document: Conversation): Conversation {
  let repaired = document;
  for (const message of document.messages) {
    if (roleOf(document, message) !== 'model') continue;
    const details = readAnswer(message);
    if (!isUnfinished(details.state)) continue;
    repaired = replaceMessage(
      repaired,
      writeAnswer(message, textOf(message), { ...details, state: { kind: 'stopped' } }),
    );
  }
  return repaired;
}
