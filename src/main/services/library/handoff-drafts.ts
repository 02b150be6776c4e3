import type { HandoffDraft } from '../../../contract/library';
import type { LibraryAccess } from '../../../library/service/library-access';
import { MessageTree } from '../../../protocol/conversation/branches';
import type { Conversation, ConversationMessage } from '../../../protocol/conversation/conversation';
import {
  DRAFT_INSTRUCTION,
  DRAFT_TOKENS,
  MIN_DRAFT_CONTEXT,
  readDraftAnswer,
} from '../../../protocol/conversation/draft-answer';
import { draftHandoff, draftSnapshot } from '../../../protocol/conversation/draft-rules';
import { failure, success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { AnswerSource } from '../chat/answer-source';
import { fitMessages } from '../chat/context-window';
import { SOURCE_PLATFORM, turnsOf } from '../chat/conversation-document';
import { isoTime, type Timers } from '../timers';

/** A draft is looked at when it is whole. */
const nothing = (): void => undefined;

/** Where a conversation is to go on. */
export interface DraftRequest {
  readonly id: string;
  /** A message of the branch to go on from; null is the shown one. */
  readonly through: string | null;
  readonly modelId: string;
}

interface HandoffDraftsOptions {
  readonly library: LibraryAccess;
  readonly source: AnswerSource;
  readonly newId: () => string;
  readonly timers: Timers;
}

/** Drafts handoffs and context snapshots: by a model where it is able, by rules always. Nothing is saved here. */
export class HandoffDrafts {
  readonly #options: HandoffDraftsOptions;
  #running: AbortController | null = null;

  constructor(options: HandoffDraftsOptions) {
    this.#options = options;
  }

  /** A draft by rules, at once, and whether the model could do better. */
  async byRules(request: DraftRequest): Promise<Result<HandoffDraft>> {
    const read = await this.#read(request);
    if (!read.ok) return read;
    const { conversation, branch } = read.value;
    const now = isoTime(this.#options.timers.now());
    const target = { platform: SOURCE_PLATFORM, model: request.modelId };
    return success({
      handoff: draftHandoff(conversation, branch, target, now),
      snapshot: draftSnapshot(conversation, branch, now),
      modelHindrance: this.#hindrance(request.modelId),
    });
  }

  /** A draft by the model; fails with `draft-failed` when what it wrote is not of the form asked for. */
  async byModel(request: DraftRequest): Promise<Result<HandoffDraft>> {
    const hindrance = this.#hindrance(request.modelId);
    if (hindrance !== null) return mainFailure('draft-failed', hindrance);
    const rules = await this.byRules(request);
    if (!rules.ok) return rules;
    const read = await this.#read(request);
    if (!read.ok) return read;
    this.cancel();
    const controller = new AbortController();
    this.#running = controller;
    const { conversation, branch } = read.value;
    const { messages } = fitMessages(turnsOf(conversation, branch), DRAFT_INSTRUCTION, {
      contextLength: this.#options.source.contextLengthOf(request.modelId),
      maxNewTokens: DRAFT_TOKENS,
      background: null,
    });
    const answered = await this.#options.source.generate(
      {
        requestId: this.#options.newId(),
        modelId: request.modelId,
        messages,
        maxNewTokens: DRAFT_TOKENS,
        temperature: 0,
        topK: 0,
        topP: 1,
        seed: null,
        answeredBy: 'automatic',
      },
      {
        onStarted: nothing,
        onQueued: nothing,
        onText: nothing,
        onAnew: nothing,
        onPaused: nothing,
        signal: controller.signal,
      },
    );
    if (this.#running === controller) this.#running = null;
    if (!answered.ok) return answered;
    const draft = readDraftAnswer(answered.value.text);
    if (draft === null) {
      return mainFailure('draft-failed', `${request.modelId} did not write a draft of the form asked for.`, {
        suggestion: 'The draft by rules stays; change it as you like.',
      });
    }
    const { reason, needs, ...snapshot } = draft;
    const { handoff, snapshot: bySnapshotRules } = rules.value;
    return success({
      handoff: { ...handoff, reason, needs },
      snapshot: bySnapshotRules === null ? null : { ...bySnapshotRules, ...snapshot, created_by: request.modelId },
      modelHindrance: null,
    });
  }

  /** Stops the model that drafts. */
  cancel(): void {
    this.#running?.abort();
    this.#running = null;
  }

  /** Null when a model has room for a history and a draft; else why it is not asked, as a sentence. */
  #hindrance(modelId: string): string | null {
    const contextLength = this.#options.source.contextLengthOf(modelId);
    if (contextLength === null) return `How much ${modelId} can read at once is not known, so rules wrote the draft.`;
    if (contextLength >= MIN_DRAFT_CONTEXT) return null;
    return `${modelId} reads ${contextLength} tokens at once, too few to draft one, so rules wrote it.`;
  }

  async #read({
    id,
    through,
  }: DraftRequest): Promise<
    Result<{ readonly conversation: Conversation; readonly branch: readonly ConversationMessage[] }>
  > {
    const found = await this.#options.library.call('get', { id });
    if (!found.ok) return failure(found.error.code, found.error.message, { retryable: found.error.retryable });
    const { conversation } = found.value;
    const tree = new MessageTree(conversation);
    const branch = tree.branchTo(through === null ? null : tree.leafUnder(through));
    return success({ conversation, branch });
  }
}
