import type { ConversationSummary, ConversationView } from '../../../contract/chat';
import type { ChatSettings } from '../../../contract/settings';
import type { AppEvent } from '../../../contract/snapshot';
import { formatGft } from '../../../protocol/compute/micro-gft';
import { MessageTree } from '../../../protocol/conversation/branches';
import type { Conversation, ConversationMessage } from '../../../protocol/conversation/conversation';
import { tokensAtMost } from '../../../protocol/compute/token-estimates';
import { success, type Failure, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';
import type { SendEvent } from '../../ipc/send-event';
import type { Texts } from '../../texts/texts';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import { writeAnswer } from './answer-record';
import type { AnswerOutcome, AnswerSource } from './answer-source';
import { endOf, intoDocument, plainFailure, stopLeftovers } from './answer-states';
import { busyConversation, unknownConversation } from './chat-failures';
import { belongsTo, continuedDocument, type Continuation } from './continuation';
import type { FittedMessages } from './context-window';
import { ConversationDesk } from './conversation-desk';
import { appendMessage, createConversation, roleOf, textOf, titleOf, withParticipant } from './conversation-document';
import type { ConversationStore } from './conversation-store';
import { viewOf } from './conversation-view';
import { fitRequest, type FitRequest } from './fit-request';
import { RunningAnswer } from './running-answer';

/** How long the app's end waits for the coordinator to settle answers it was told to stop. */
const SETTLE_TIMEOUT_MS = 1_500;

export interface ChatDependencies {
  readonly store: ConversationStore;
  readonly source: AnswerSource;
  readonly settings: () => ChatSettings;
  readonly send: SendEvent;
  readonly onSummaries: (summaries: readonly ConversationSummary[]) => void;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly texts: () => Texts;
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
 * Conversations and the answers being written into them. A question is in the store before it is sent; an answer is saved
 * every second and at its end, so a crash loses at most a second of it.
 */
export class ChatService {
  readonly #desk: ConversationDesk;
  readonly #running = new Map<string, RunningRequest>();
  /** Conversations something is being done to; taken before anything is awaited, so that it happens once at a time. */
  readonly #busy = new Set<string>();
  /** Requests that were stopped here and wait for their last word; their conversations stay open for it. */
  readonly #settling = new Set<RunningRequest>();
  readonly #dependencies: ChatDependencies;

  /** Whether an answer is being written. */
  get answering(): boolean {
    return this.#running.size > 0;
  }

  constructor(dependencies: ChatDependencies) {
    this.#dependencies = dependencies;
    this.#desk = new ConversationDesk(dependencies.store, stopLeftovers);
  }

  /** The conversation as the window shows it. */
  async view(id: string): Promise<Result<ConversationView>> {
    const document = await this.#desk.read(id);
    if (!document.ok) return unknownConversation(document.error);
    this.#running.get(id)?.answer.flush();
    return success(viewOf(this.#current(this.#desk.get(id) ?? document.value)));
  }

  /** Tokens the next request holds at most, for an estimate of its cost. */
  async inputTokensAtMost(id: string | null, modelId: string, text: string): Promise<number> {
    const document = id === null ? null : await this.#desk.read(id);
    const fitted = this.#fitted({ document: document?.ok === true ? document.value : null, question: text }, modelId);
    return tokensAtMost(fitted.messages);
  }

  /** Adds a question, saves it and starts its answer. The view that comes back shows the answer waiting or failed. */
  send(id: string | null, modelId: string, text: string): Promise<Result<ConversationView>> {
    const { newId, timers } = this.#dependencies;
    if (text.trim() === '') return Promise.resolve(mainFailure('payload-invalid', 'The question is empty.'));
    if (id !== null) return this.#change(id, (document) => this.#question(document, modelId, text, null));
    const created = createConversation(newId(), titleOf(text), isoTime(timers.now()));
    this.#desk.put(created);
    return this.#change(created.id, (document) => this.#question(document, modelId, text, null));
  }

  /** Asks a question in other words; the first ones stay beside it with everything that followed them. */
  edit(id: string, messageId: string, modelId: string, text: string): Promise<Result<ConversationView>> {
    if (text.trim() === '') return Promise.resolve(mainFailure('payload-invalid', 'The question is empty.'));
    return this.#change(id, (document) => {
      const message = document.messages.find((each) => each.id === messageId);
      if (message === undefined || roleOf(document, message) !== 'human') {
        return Promise.resolve(mainFailure('nothing-to-retry', 'This question is not there any more.'));
      }
      return this.#question(document, modelId, text, message);
    });
  }

  /** Asks the last question of the shown branch again; the earlier answer stays beside the new one. */
  retry(id: string, modelId: string | null): Promise<Result<ConversationView>> {
    return this.#change(id, (document) => {
      const branch = new MessageTree(document).branchTo(null);
      const position = branch.findLastIndex((message) => roleOf(document, message) === 'human');
      const question = branch[position];
      const lastModel = branch
        .slice(position + 1)
        .concat(branch.toReversed())
        .map(({ model }) => model)
        .find((model) => typeof model === 'string');
      const asked = modelId ?? lastModel;
      if (question === undefined || asked === undefined) {
        return Promise.resolve(mainFailure('nothing-to-retry', 'There is no question to ask again.'));
      }
      return this.#ask(
        document,
        question,
        this.#fitted({ document, before: position, question: textOf(question) }, asked),
        asked,
      );
    });
  }

  /** Shows the branch that goes through a message. */
  showBranch(id: string, messageId: string): Promise<Result<ConversationView>> {
    return this.#change(id, async (document) => {
      const tree = new MessageTree(document);
      if (tree.message(messageId) === undefined) return mainFailure('conversation-unknown', 'This branch is gone.');
      return this.#keep({ ...document, head: tree.leafUnder(messageId) });
    });
  }

  /** Prepares a conversation for another model: the branch it goes on from, why, and what stands in for the early history. */
  continueWith(continuation: Continuation): Promise<Result<ConversationView>> {
    return this.#change(continuation.id, (document) => {
      if (!belongsTo(document, continuation)) {
        return Promise.resolve(mainFailure('payload-invalid', 'The drafts do not belong to this conversation.'));
      }
      return this.#keep(continuedDocument(document, continuation, isoTime(this.#dependencies.timers.now())));
    });
  }

  /** Stops the answer under way; its text stays. */
  stop(id: string): Result<null> {
    const running = this.#running.get(id);
    if (running === undefined) return mainFailure('nothing-to-stop', 'No answer is being written here.');
    this.#stopRunning(running);
    void this.#persistEnd(id);
    return success(null);
  }

  /** Moves a conversation to the bin. */
  async remove(id: string): Promise<Result<null>> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      this.#stopRunning(running);
      await this.#save(id);
    }
    const removed = await this.#dependencies.store.remove(id);
    if (!removed.ok) return removed;
    this.#desk.forget(id);
    await this.publishSummaries();
    return success(null);
  }

  /** Something in the library changed that was not done here. */
  async libraryChanged(): Promise<void> {
    this.#desk.storeChanged();
    await this.publishSummaries();
  }

  /** Stops and saves every answer, for the end of the app. */
  async close(): Promise<void> {
    const running = [...this.#running.entries()];
    for (const [, request] of running) this.#stopRunning(request);
    await Promise.all(running.map(([id]) => this.#save(id)));
    let cancel = (): void => undefined;
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#dependencies.timers.after(SETTLE_TIMEOUT_MS, resolve);
    });
    await Promise.race([Promise.all([...this.#settling].map(({ settled }) => settled)), timeout]);
    cancel();
    await this.#desk.settled();
  }

  /** Tells the window which conversations there are. */
  async publishSummaries(): Promise<void> {
    const listed = await this.#dependencies.store.list();
    if (listed.ok) this.#dependencies.onSummaries(listed.value);
    else this.#dependencies.log.warn({ code: listed.error.code }, 'the conversations could not be listed');
  }

  /** Opens a conversation, does one thing to it, and closes it unless an answer is being written then. */
  async #change(
    id: string,
    work: (document: Conversation) => Promise<Result<ConversationView>>,
  ): Promise<Result<ConversationView>> {
    if (this.#busy.has(id) || this.#running.has(id)) return busyConversation();
    this.#busy.add(id);
    try {
      const opened = await this.#desk.open(id);
      if (!opened.ok) return unknownConversation(opened.error);
      return await work(opened.value);
    } finally {
      this.#busy.delete(id);
      this.#releaseIdle(id);
    }
  }

  /** Saves a conversation as it is now and shows it. */
  async #keep(document: Conversation): Promise<Result<ConversationView>> {
    this.#desk.put(document);
    const saved = await this.#save(document.id);
    if (!saved.ok) return saved;
    await this.#changed(document.id);
    await this.publishSummaries();
    return success(viewOf(document));
  }

  /** Adds a question behind the shown branch, or in place of another one, and asks it. */
  #question(
    document: Conversation,
    modelId: string,
    text: string,
    instead: ConversationMessage | null,
  ): Promise<Result<ConversationView>> {
    const { newId, timers } = this.#dependencies;
    const tree = new MessageTree(document);
    const branch = tree.branchTo(instead === null ? null : instead.id);
    const fitted = this.#fitted(
      instead === null
        ? { document, question: text }
        : { document, before: branch.length - 1, question: text, headId: instead.id },
      modelId,
    );
    const human = withParticipant(document, { role: 'human' }, newId());
    const question: ConversationMessage = {
      id: newId(),
      parent_id: (instead === null ? branch.at(-1)?.id : instead.parent_id) ?? null,
      participant_id: human.participantId,
      created_at: isoTime(timers.now()),
      content: [{ type: 'text', text }],
      metadata: {},
    };
    return this.#ask(appendMessage(human.document, question), question, fitted, modelId);
  }

  async #ask(
    document: Conversation,
    question: ConversationMessage,
    fitted: FittedMessages,
    modelId: string,
  ): Promise<Result<ConversationView>> {
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
      onStreaming: () => void this.#changed(conversationId),
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
    this.#desk.put(appendMessage(model.document, writeAnswer(message, '', answer.details)));
    const saved = await this.#save(conversationId);
    if (!saved.ok) {
      this.#fail(request, {
        ...saved.error,
        message: `${saved.error.message} The question was not sent; it stays here until the app is closed.`,
      });
    } else if (!answer.ended) {
      request.settled = this.#run(request, fitted, modelId, settings);
    }
    void this.publishSummaries();
    void this.#changed(conversationId);
    const current = this.#desk.get(conversationId);
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
          answeredBy: settings.answeredBy,
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
    const { spent } = this.#dependencies.texts().events;
    this.#dependencies.addEvent('spending', spent(cost, outputTokens, modelId));
  }

  #stopRunning(request: RunningRequest): void {
    request.answer.stop();
    this.#release(request);
    this.#settling.add(request);
    void request.settled.finally(() => this.#settling.delete(request));
  }

  #fail(request: RunningRequest, error: Failure): void {
    request.answer.end({ kind: 'failed', error });
    this.#release(request);
  }

  /** Writes the answer's last state into its document and lets the conversation go on. */
  #release(request: RunningRequest): void {
    const { answer } = request;
    const document = this.#desk.get(answer.conversationId);
    if (document !== undefined) {
      const written = intoDocument(document, answer);
      this.#desk.put({ ...written, updated_at: isoTime(this.#dependencies.timers.now()) });
    }
    if (this.#running.get(answer.conversationId) === request) this.#running.delete(answer.conversationId);
    this.#settling.delete(request);
  }

  /** Closes a conversation that nothing is done to and nothing is still to come for. */
  #releaseIdle(id: string): void {
    const awaited = [...this.#settling].some(({ answer }) => answer.conversationId === id);
    if (!awaited && !this.#running.has(id) && !this.#busy.has(id)) this.#desk.release(id);
  }

  /** Saves the end of an answer and tells the window. */
  async #persistEnd(id: string): Promise<void> {
    void this.#changed(id);
    const saved = await this.#save(id);
    if (!saved.ok) {
      this.#dependencies.addEvent('error', `${saved.error.message} The answer stays visible until the app is closed.`);
    }
    this.#releaseIdle(id);
    await this.publishSummaries();
  }

  async #savePart(id: string): Promise<void> {
    const saved = await this.#save(id);
    if (!saved.ok) this.#dependencies.log.warn({ code: saved.error.code }, 'part of an answer could not be saved');
  }

  #save(id: string): Promise<Result<void>> {
    return this.#desk.save(id, (document) => this.#current(document));
  }

  /** The document with what has arrived of its running answer. */
  #current(document: Conversation): Conversation {
    const running = this.#running.get(document.id);
    return running === undefined ? document : intoDocument(document, running.answer);
  }

  #fitted(request: Omit<FitRequest, 'contextLength' | 'maxNewTokens'>, modelId: string): FittedMessages {
    const { source, settings } = this.#dependencies;
    return fitRequest({
      ...request,
      contextLength: source.contextLengthOf(modelId),
      maxNewTokens: settings().maxNewTokens,
    });
  }

  async #changed(id: string): Promise<void> {
    const view = await this.view(id);
    if (view.ok) this.#dependencies.send('conversation-changed', view.value);
  }
}
