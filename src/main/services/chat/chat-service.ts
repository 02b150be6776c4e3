import type { Conversation, ConversationMessage } from '../../../protocol/conversation/conversation';
import type { AnswerState, ConversationSummary, ConversationView } from '../../../contract/chat';
import type { ChatSettings } from '../../../contract/settings';
import type { AppEvent } from '../../../contract/snapshot';
import { formatGft } from '../../../protocol/compute/micro-gft';
import { success, type Failure, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf, type MainErrorCode } from '../../errors';
import type { SendEvent } from '../../ipc/send-event';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import { isUnfinished, readAnswer, writeAnswer } from './answer-record';
import type { AnswerOutcome, AnswerSource } from './answer-source';
import { fitMessages, tokensAtMost, type FittedMessages, type Turn } from './context-window';
import {
  appendMessage,
  branchOf,
  createConversation,
  replaceMessage,
  roleOf,
  textOf,
  titleOf,
  withParticipant,
} from './conversation-document';
import type { ConversationStore } from './conversation-store';
import { summaryOf, viewOf } from './conversation-view';
import { RunningAnswer } from './running-answer';

/** How long the app's end waits for the coordinator to settle answers it was told to stop. */
const SETTLE_TIMEOUT_MS = 1_500;

export interface ChatDependencies {
  readonly store: ConversationStore;
  readonly source: AnswerSource;
  readonly settings: () => ChatSettings;
  /** Positions of a model's context, null when not known. */
  readonly contextLengthOf: (modelId: string) => Promise<number | null>;
  readonly send: SendEvent;
  readonly onSummaries: (summaries: readonly ConversationSummary[]) => void;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly newId: () => string;
  readonly timers: Timers;
  readonly log: Log;
}

interface RunningRequest {
  readonly answer: RunningAnswer;
  /** Resolves when the coordinator has settled or refused it. */
  settled: Promise<void>;
}

/**
 * Conversations and the answers being written into them. A question is on disk before it is sent; an answer is saved
 * every second and at its end, so a crash loses at most a second of it.
 */
export class ChatService {
  readonly #documents = new Map<string, Conversation>();
  readonly #running = new Map<string, RunningRequest>();
  /** Requests that were stopped here and wait for their last word. */
  readonly #settling = new Set<Promise<void>>();
  /** Writes of one conversation happen one after the other. */
  readonly #writes = new Map<string, Promise<Result<void, MainErrorCode>>>();
  readonly #dependencies: ChatDependencies;

  constructor(dependencies: ChatDependencies) {
    this.#dependencies = dependencies;
  }

  /** Reads the conversations of earlier starts; answers that a crash cut off are marked as stopped. */
  async load(): Promise<void> {
    const { store, addEvent, log, timers } = this.#dependencies;
    const read = await store.readAll();
    if (!read.ok) {
      addEvent('error', read.error.message);
      return;
    }
    for (const { path, reason } of read.value.unreadable) {
      addEvent('notice', `A conversation was left out because ${reason}. The file stays where it is: ${path}`);
    }
    for (const document of read.value.documents) {
      const repaired = stopLeftovers(document);
      this.#documents.set(document.id, repaired);
      if (repaired !== document) {
        const saved = await this.#write(document.id);
        if (!saved.ok) log.warn({ code: saved.error.code }, 'a leftover answer could not be marked as stopped');
      }
    }
    this.#publishSummaries();
    try {
      await store.purgeDeleted(timers.now());
    } catch (thrown) {
      log.warn({ error: reasonOf(thrown) }, 'deleted conversations could not be tidied');
    }
  }

  view(id: string): Result<ConversationView, MainErrorCode> {
    const document = this.#documents.get(id);
    if (document === undefined) return unknownConversation();
    this.#running.get(id)?.answer.flush();
    return success(viewOf(this.#current(document)));
  }

  /** Tokens the next request holds at most, for an estimate of its cost. */
  async inputTokensAtMost(id: string | null, modelId: string, text: string): Promise<number> {
    const document = id === null ? undefined : this.#documents.get(id);
    const turns = document === undefined ? [] : turnsOf(document);
    return tokensAtMost((await this.#fit(turns, text, modelId)).messages);
  }

  /** Adds a question, saves it and starts its answer. The view that comes back shows the answer waiting or failed. */
  async send(id: string | null, modelId: string, text: string): Promise<Result<ConversationView, MainErrorCode>> {
    if (text.trim() === '') return mainFailure('payload-invalid', 'The question is empty.');
    const { newId, timers } = this.#dependencies;
    const before = id === null ? null : this.#documents.get(id);
    if (before === undefined) return unknownConversation();
    const fitted = await this.#fit(before === null ? [] : turnsOf(before), text, modelId);
    // Nothing may be awaited from here until the answer is registered as running: another call could come in between.
    const now = isoTime(timers.now());
    const existing = id === null ? createConversation(newId(), titleOf(text), now) : this.#documents.get(id);
    if (existing === undefined) return unknownConversation();
    if (this.#running.has(existing.id)) return busyConversation();
    const human = withParticipant(existing, { role: 'human' }, newId());
    const question: ConversationMessage = {
      id: newId(),
      parent_id: branchOf(existing).at(-1)?.id ?? null,
      participant_id: human.participantId,
      created_at: now,
      content: [{ type: 'text', text }],
      metadata: {},
    };
    return this.#ask(appendMessage(human.document, question), question, fitted, modelId);
  }

  /** Asks the last question of the shown branch again; the earlier answer stays beside the new one. */
  async retry(id: string): Promise<Result<ConversationView, MainErrorCode>> {
    const before = this.#documents.get(id);
    if (before === undefined) return unknownConversation();
    if (this.#running.has(id)) return busyConversation();
    const branch = branchOf(before);
    const position = branch.findLastIndex((message) => roleOf(before, message) === 'human');
    const question = branch[position];
    const modelId = branch
      .slice(position + 1)
      .concat(branch.toReversed())
      .map(({ model }) => model)
      .find((model) => typeof model === 'string');
    if (question === undefined || modelId === undefined) {
      return mainFailure('nothing-to-retry', 'There is no question to ask again.');
    }
    const fitted = await this.#fit(turnsOf(before, position), textOf(question), modelId);
    const document = this.#documents.get(id);
    if (document === undefined) return unknownConversation();
    if (this.#running.has(id)) return busyConversation();
    return this.#ask(document, question, fitted, modelId);
  }

  /** Stops the answer under way; its text stays. */
  stop(id: string): Result<null, MainErrorCode> {
    const running = this.#running.get(id);
    if (running === undefined) return mainFailure('nothing-to-stop', 'No answer is being written here.');
    this.#stopRunning(running);
    void this.#persistEnd(id);
    return success(null);
  }

  /** Moves a conversation to the deleted ones. */
  async remove(id: string): Promise<Result<null, MainErrorCode>> {
    if (!this.#documents.has(id)) return unknownConversation();
    const running = this.#running.get(id);
    if (running !== undefined) this.#stopRunning(running);
    await this.#write(id);
    const moved = await this.#dependencies.store.moveToDeleted(id);
    if (!moved.ok) return moved;
    this.#documents.delete(id);
    this.#writes.delete(id);
    this.#publishSummaries();
    return success(null);
  }

  /** Stops and saves every answer, for the end of the app. */
  async close(): Promise<void> {
    const running = [...this.#running.entries()];
    for (const [, request] of running) this.#stopRunning(request);
    await Promise.all(running.map(([id]) => this.#write(id)));
    let cancel = (): void => undefined;
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#dependencies.timers.after(SETTLE_TIMEOUT_MS, resolve);
    });
    await Promise.race([Promise.all(this.#settling), timeout]);
    cancel();
    await Promise.all(this.#writes.values());
  }

  async #ask(
    document: Conversation,
    question: ConversationMessage,
    fitted: FittedMessages,
    modelId: string,
  ): Promise<Result<ConversationView, MainErrorCode>> {
    const { newId, timers } = this.#dependencies;
    const model = withParticipant(document, { role: 'model', modelId }, newId());
    const entryId = newId();
    const conversationId = document.id;
    const settings = this.#dependencies.settings();
    const answer = new RunningAnswer({
      conversationId,
      entryId,
      modelId,
      turnsLeftOut: fitted.turnsLeftOut,
      timers,
      onDelta: (delta) => this.#dependencies.send('chat-delta-arrived', delta),
      onStreaming: () => this.#changed(conversationId),
      onSaveDue: () => void this.#savePart(conversationId),
    });
    const message: ConversationMessage = {
      id: entryId,
      parent_id: question.id,
      participant_id: model.participantId,
      created_at: isoTime(timers.now()),
      content: [],
      model: modelId,
      metadata: {},
    };
    const request: RunningRequest = { answer, settled: Promise.resolve() };
    this.#running.set(conversationId, request);
    this.#documents.set(conversationId, appendMessage(model.document, writeAnswer(message, '', answer.details)));
    const saved = await this.#write(conversationId);
    if (!saved.ok) {
      this.#fail(request, {
        ...saved.error,
        message: `${saved.error.message} The question was not sent; it stays here until the app is closed.`,
      });
    } else if (!answer.ended) {
      request.settled = this.#run(request, fitted, modelId, settings);
    }
    this.#publishSummaries();
    this.#changed(conversationId);
    const current = this.#documents.get(conversationId);
    return current === undefined ? unknownConversation() : success(viewOf(this.#current(current)));
  }

  async #run(request: RunningRequest, fitted: FittedMessages, modelId: string, settings: ChatSettings): Promise<void> {
    const { answer } = request;
    const { source, newId, log } = this.#dependencies;
    let result: Result<AnswerOutcome>;
    try {
      result = await source.generate(
        {
          requestId: newId(),
          modelId,
          messages: fitted.messages,
          maxNewTokens: settings.maxNewTokens,
          temperature: settings.temperature,
          topK: settings.topK,
          topP: settings.topP,
          seed: settings.seed,
        },
        answer.listeners(),
      );
    } catch (thrown) {
      log.error({ error: reasonOf(thrown) }, 'asking for an answer failed unexpectedly');
      result = mainFailure('internal', 'The answer could not be asked for because of a fault in the app.', {
        retryable: true,
      });
    }
    if (result.ok) {
      answer.settle(result.value);
      answer.end(endOf(result.value));
      this.#reportCost(result.value, modelId);
    } else {
      answer.end(
        result.error.code === 'cancelled' ? { kind: 'stopped' } : { kind: 'failed', error: plainFailure(result.error) },
      );
    }
    this.#release(request);
    await this.#persistEnd(answer.conversationId);
  }

  #reportCost({ settledCost, outputTokens }: AnswerOutcome, modelId: string): void {
    if (settledCost === null || settledCost.microGft === 0) return;
    const cost = formatGft(settledCost.microGft);
    this.#dependencies.addEvent('spending', `Paid ${cost} GFT for ${outputTokens} tokens of ${modelId}.`);
  }

  #stopRunning(request: RunningRequest): void {
    const { settled, answer } = request;
    answer.stop();
    this.#release(request);
    const settling = settled.finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  #fail(request: RunningRequest, error: Failure): void {
    request.answer.end({ kind: 'failed', error });
    this.#release(request);
  }

  /** Writes the answer's last state into its document and lets the conversation go on. */
  #release(request: RunningRequest): void {
    const { answer } = request;
    const document = this.#documents.get(answer.conversationId);
    if (document !== undefined) {
      const written = intoDocument(document, answer);
      this.#documents.set(answer.conversationId, {
        ...written,
        updated_at: isoTime(this.#dependencies.timers.now()),
      });
    }
    if (this.#running.get(answer.conversationId) === request) this.#running.delete(answer.conversationId);
  }

  /** Saves the end of an answer and tells the window. */
  async #persistEnd(id: string): Promise<void> {
    this.#changed(id);
    this.#publishSummaries();
    if (!this.#documents.has(id)) return;
    const saved = await this.#write(id);
    if (!saved.ok) {
      this.#dependencies.addEvent('error', `${saved.error.message} The answer stays visible until the app is closed.`);
    }
  }

  async #savePart(id: string): Promise<void> {
    const saved = await this.#write(id);
    if (!saved.ok) this.#dependencies.log.warn({ code: saved.error.code }, 'part of an answer could not be saved');
  }

  /** Writes the newest form of a conversation after the writes before it. */
  #write(id: string): Promise<Result<void, MainErrorCode>> {
    const before = this.#writes.get(id) ?? Promise.resolve();
    const write = before.then((): Promise<Result<void, MainErrorCode>> | Result<void, MainErrorCode> => {
      const document = this.#documents.get(id);
      return document === undefined ? success(undefined) : this.#dependencies.store.save(this.#current(document));
    });
    this.#writes.set(id, write);
    return write;
  }

  /** The document with what has arrived of its running answer. */
  #current(document: Conversation): Conversation {
    const running = this.#running.get(document.id);
    return running === undefined ? document : intoDocument(document, running.answer);
  }

  #changed(id: string): void {
    const view = this.view(id);
    if (view.ok) this.#dependencies.send('conversation-changed', view.value);
  }

  #publishSummaries(): void {
    const summaries = [...this.#documents.values()].map(summaryOf);
    this.#dependencies.onSummaries(summaries.sort((left, right) => right.updatedAt.localeCompare(left.updatedAt)));
  }

  async #fit(turns: readonly Turn[], question: string, modelId: string): Promise<FittedMessages> {
    const contextLength = await this.#dependencies.contextLengthOf(modelId);
    return fitMessages(turns, question, contextLength, this.#dependencies.settings().maxNewTokens);
  }
}

function unknownConversation() {
  return mainFailure('conversation-unknown', 'This conversation does not exist any more.');
}

function busyConversation() {
  return mainFailure('conversation-busy', 'An answer is still being written here.', {
    retryable: true,
    suggestion: 'Wait for its end or stop it.',
  });
}

function intoDocument(document: Conversation, answer: RunningAnswer): Conversation {
  const message = document.messages.find(({ id }) => id === answer.entryId);
  return message === undefined ? document : replaceMessage(document, writeAnswer(message, answer.text, answer.details));
}

/** Questions of the shown branch that have an answer, up to a position of the branch. */
function turnsOf(document: Conversation, before = Number.POSITIVE_INFINITY): readonly Turn[] {
  const turns: Turn[] = [];
  let question: string | null = null;
  for (const message of branchOf(document).slice(0, before)) {
    const role = roleOf(document, message);
    const text = textOf(message);
    if (role === 'human') question = text;
    if (role !== 'model' || question === null || text === '') continue;
    turns.push({ question, answer: text });
    question = null;
  }
  return turns;
}

function endOf(outcome: AnswerOutcome): AnswerState {
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
function plainFailure({ code, message, retryable, suggestion }: Failure): Failure {
  return suggestion === undefined ? { code, message, retryable } : { code, message, retryable, suggestion };
}

/** Marks answers that were under way when the app ended without saving their end. */
function stopLeftovers(document: Conversation): Conversation {
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
