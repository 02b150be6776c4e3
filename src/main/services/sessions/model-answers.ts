import { v7 } from 'uuid';
import {
  buildContext,
  settledCost,
  type FollowedSession,
  type SessionClient,
  type SessionContext,
} from '../../../node';
import { failure, success, type Failure, type Result } from '../../../protocol/result';
import type { InferenceCost } from '../../../protocol/session/session';
import { mainFailure } from '../../errors';
import type { ContributorPort } from '../node-service';
import type { OwnModel, OwnModelsService } from '../own-models/own-models-service';
import { askOwnModel } from '../own-models/ask-own-model';
import type { OwnModelListeners } from '../own-models/provider-answers';
import type { Timers } from '../timers';

/** Pieces of an answer go to the others at most this often. */
const PIECE_INTERVAL_MS = 80;
/** What is written in a session is quoted and built upon, so models stay near what they are sure of. */
const TEMPERATURE = 0.4;

interface Running {
  readonly abort: AbortController;
  readonly turnId: string;
}

interface Answered {
  readonly text: string;
  readonly cost: InferenceCost | null;
}

export interface ModelAnswersOptions {
  readonly client: SessionClient;
  readonly models: OwnModelsService;
  readonly node: Pick<ContributorPort, 'generate'>;
  readonly timers: Timers;
  readonly onChange: (session: FollowedSession) => void;
  readonly fetchFunction?: typeof fetch;
}

/**
 * Lets this person's model answer in sessions. Its text is shown to everybody while it is written and becomes a turn
 * when it is finished: with its cost if the ledger has confirmed one, and never with one that is pending.
 */
export class ModelAnswers {
  private readonly running = new Map<string, Running>();
  private readonly errors = new Map<string, Failure>();

  constructor(private readonly options: ModelAnswersOptions) {}

  isAnswering(sessionId: string): boolean {
    return this.running.has(sessionId);
  }

  errorOf(sessionId: string): Failure | null {
    return this.errors.get(sessionId) ?? null;
  }

  /** What the model would be told now. */
  context(session: FollowedSession, model: OwnModel, inReplyTo: string | null): SessionContext {
    return buildContext({
      title: session.head.title,
      participants: session.participants,
      turns: session.turns,
      participantId: session.participantId,
      modelName: model.name,
      inReplyTo,
      contextLength: model.contextLength,
      maxNewTokens: model.maxNewTokens,
    });
  }

  /** Begins an answer; what came of it shows in the session. */
  begin(session: FollowedSession, model: OwnModel, inReplyTo: string | null): Result<null> {
    if (this.running.has(session.id)) {
      return mainFailure('session-model-busy', 'Your model is answering already; stop it first or wait.');
    }
    const running = { abort: new AbortController(), turnId: v7() };
    this.running.set(session.id, running);
    this.errors.delete(session.id);
    this.options.onChange(session);
    void this.answer(session, model, inReplyTo, running).then((result) => {
      this.running.delete(session.id);
      if (!result.ok) this.errors.set(session.id, result.error);
      this.options.onChange(session);
    });
    return success(null);
  }

  stop(sessionId: string): void {
    this.running.get(sessionId)?.abort.abort();
  }

  stopAll(): void {
    for (const { abort } of this.running.values()) abort.abort();
  }

  private async answer(
    session: FollowedSession,
    model: OwnModel,
    inReplyTo: string | null,
    { abort, turnId }: Running,
  ): Promise<Result<null>> {
    const context = this.context(session, model, inReplyTo);
    const pieces = new PieceSender(session, turnId, inReplyTo, this.options.timers);
    const listeners = { onText: (text: string) => pieces.add(text), signal: abort.signal };
    const answered =
      model.kind === 'network'
        ? await this.askNetwork(session, model, context, listeners)
        : await this.askOwn(model, context, listeners);
    if (!answered.ok || abort.signal.aborted) {
      pieces.end(abort.signal.aborted ? 'stopped' : 'failed');
      return answered.ok ? stopped() : answered;
    }
    pieces.flush();
    if (answered.value.text.trim() === '') {
      pieces.end('failed');
      return failure('answer-invalid', 'The model answered nothing; nothing was posted.', { retryable: true });
    }
    const posted = await this.options.client.post(session.id, {
      id: turnId,
      author: 'model',
      content: [{ type: 'text', text: answered.value.text }],
      inReplyTo,
      model: { provider: model.kind, model_id: model.modelId },
      ...(answered.value.cost === null ? {} : { cost: answered.value.cost }),
    });
    return posted.ok ? success(null) : posted;
  }

  private async askOwn(
    model: OwnModel,
    context: SessionContext,
    listeners: OwnModelListeners,
  ): Promise<Result<Answered>> {
    const { messages } = context;
    const request = { messages, maxNewTokens: model.maxNewTokens, temperature: TEMPERATURE };
    const { models, fetchFunction } = this.options;
    const answer = await askOwnModel(models, model, request, listeners, fetchFunction);
    return answer.ok ? success({ text: answer.value.text, cost: null }) : answer;
  }

  private async askNetwork(
    session: FollowedSession,
    model: OwnModel,
    context: SessionContext,
    listeners: OwnModelListeners,
  ): Promise<Result<Answered>> {
    const { client, node } = this.options;
    // The own coordinator confirms a cost to the host of a session it leads to; elsewhere the answer counts, its cost stays out.
    const bookedAt = client.isThroughHome(session) ? client.homeCoordinatorId : null;
    const outcome = await node.generate(
      {
        requestId: v7(),
        modelId: model.modelId,
        messages: context.messages,
        maxNewTokens: model.maxNewTokens,
        sampling: { temperature: TEMPERATURE, top_k: 0, top_p: 1 },
        ...(bookedAt !== null ? { session: { sessionId: session.id, participantId: session.participantId } } : {}),
      },
      { signal: listeners.signal, onToken: ({ text }) => listeners.onText(text) },
    );
    if (!outcome.ok) return outcome;
    const cost = bookedAt === null ? null : settledCost(outcome.value, session.head, bookedAt);
    return success({ text: outcome.value.text, cost });
  }
}

function stopped(): Result<never> {
  return failure('cancelled', 'The answer was stopped; nothing of it was posted.', {
    suggestion: 'What the network had written by then is booked in the ledger.',
  });
}

/** Gathers the pieces of an answer, so that others see it grow without a message for every token. */
class PieceSender {
  private waiting = '';
  private sent = 0;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly session: FollowedSession,
    private readonly turnId: string,
    private readonly inReplyTo: string | null,
    private readonly timers: Timers,
  ) {}

  add(text: string): void {
    this.waiting += text;
    this.cancel ??= this.timers.after(PIECE_INTERVAL_MS, () => this.flush());
  }

  flush(): void {
    this.cancel?.();
    this.cancel = null;
    if (this.waiting === '') return;
    this.send(this.waiting, 'writing');
    this.sent += this.waiting.length;
    this.waiting = '';
  }

  end(state: 'stopped' | 'failed'): void {
    this.cancel?.();
    this.send('', state);
  }

  private send(text: string, state: 'writing' | 'stopped' | 'failed'): void {
    this.session.stream({
      turn_id: this.turnId,
      in_reply_to: this.inReplyTo,
      offset: this.sent,
      text,
      state,
    });
  }
}
