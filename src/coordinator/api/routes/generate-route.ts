import type { FastifyReply } from 'fastify';
import {
  GenerateBody,
  QueueQuery,
  type GenerateAnswer,
  type QueueStatus,
} from '../../../protocol/compute/http/inference';
import type { TokenLogProbabilities } from '../../../protocol/compute/log-probabilities';
import type { GenerateOutcome, PipelineHop } from '../../../protocol/wire/messages';
import { refuse, type CoordinatorErrorCode, type CoordinatorFailure, type CoordinatorResult } from '../../errors';
import type { GenerateListener, GenerateRequest } from '../../pipeline/generate-service';
import type { CoordinatorServices } from '../../services';
import { errorBody, statusOf } from '../http-status';
import { sendResult, type ApiServer } from '../server-types';

const DEFAULT_MAX_NEW_TOKENS = 256;
const DEFAULT_TEMPERATURE = 0.7;

function requestOf(body: GenerateBody, requestId: string): GenerateRequest {
  return {
    nodeId: body.node_id,
    requestId,
    modelId: body.model_id,
    prompt: body.prompt ?? undefined,
    messages: body.messages ?? undefined,
    maxNewTokens: body.max_new_tokens ?? DEFAULT_MAX_NEW_TOKENS,
    sampling: body.sampling ?? { temperature: body.temperature ?? DEFAULT_TEMPERATURE, top_k: 0, top_p: 1 },
    precision: body.precision ?? 'fp16',
    backend: body.force_backend ?? undefined,
    sessionId: body.session_id ?? undefined,
    participantId: body.participant_id ?? undefined,
  };
}

function answerOf(outcome: GenerateOutcome): GenerateAnswer {
  return {
    text: outcome.text,
    tokens: outcome.tokens,
    input_tokens: outcome.input_tokens,
    gft_deducted: outcome.gft_deducted,
    new_balance: outcome.new_balance ?? 0,
    backend: outcome.backend,
    pipeline: outcome.pipeline.map((hop) => hop.node_id),
    latency_ms: outcome.latency_ms,
    model_id: outcome.model_id,
    ledger_ref: outcome.ledger_ref ?? '',
    confirmed_at: outcome.confirmed_at ?? '',
    request_id: outcome.request_id,
    finish_reason: outcome.finish_reason,
    ...(outcome.federation === undefined ? {} : { federation: outcome.federation }),
  };
}

/**
 * Server-sent events of one answer. The stream begins with the first event, so that everything refused before it still
 * has its HTTP status.
 */
class EventStream {
  private hasBegun = false;

  constructor(
    private readonly reply: FastifyReply,
    /** Whoever takes nothing for so long is cut off: the answer would hold its nodes and its GFT without end. */
    private readonly readerTimeoutMs: number,
  ) {}

  get isOpen(): boolean {
    return this.hasBegun;
  }

  /** Resolves when the client can take more, or is gone. */
  async send(event: 'queued' | 'started' | 'token' | 'waiting' | 'finished' | 'error', data: unknown): Promise<void> {
    const { raw } = this.reply;
    if (!this.hasBegun) {
      this.hasBegun = true;
      this.reply.hijack();
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      });
    }
    if (raw.destroyed || raw.writableEnded) return;
    if (raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => raw.destroy(), this.readerTimeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        raw.off('drain', settle);
        raw.off('close', settle);
        resolve();
      };
      raw.on('drain', settle);
      raw.on('close', settle);
    });
  }

  end(): void {
    if (!this.reply.raw.writableEnded) this.reply.raw.end();
  }
}

function streamListener(stream: EventStream, requestId: string): GenerateListener {
  return {
    started: (pipeline: readonly PipelineHop[], inputTokens) =>
      stream.send('started', { request_id: requestId, pipeline, input_tokens: inputTokens }),
    token: (index, tokenId, text, logprobs) =>
      stream.send('token', { request_id: requestId, index, token_id: tokenId, text, logprobs }),
    queued: (place) => void stream.send('queued', { request_id: requestId, ...place }),
    waiting: (layersMissing, seconds) =>
      void stream.send('waiting', { request_id: requestId, layers_missing: layersMissing, seconds }),
  };
}

/** Keeps what an answer that is given whole says of its tokens. */
class WholeAnswer implements GenerateListener {
  private readonly described: (TokenLogProbabilities | null)[] = [];

  /** Of each token in order; undefined where the nodes gave none. */
  get logProbabilities(): (TokenLogProbabilities | null)[] | undefined {
    return this.described.some((one) => one !== null) ? this.described : undefined;
  }

  async started(): Promise<void> {
    this.described.length = 0;
  }

  async token(index: number, _tokenId: number, _text: string, logProbabilities?: TokenLogProbabilities): Promise<void> {
    this.described[index] = logProbabilities ?? null;
  }

  queued(): void {
    // An answer that is given whole has nobody to tell meanwhile.
  }

  waiting(): void {
    // As above.
  }
}

/** Ends of a request that never got its turn; they tell when to come back. */
const TURNED_AWAY: ReadonlySet<CoordinatorErrorCode> = new Set(['too-many-requests', 'coordinator-busy']);

async function sendFailure(stream: EventStream, failure: CoordinatorFailure): Promise<void> {
  await stream.send('error', { ...errorBody(failure), status: statusOf(failure.code) });
}

/** `POST /inference/generate`: one answer, or a stream for a client that accepts `text/event-stream`. */
export function generateRoute(app: ApiServer, services: CoordinatorServices): void {
  const refused = (reply: FastifyReply, outcome: CoordinatorResult<never>): FastifyReply => {
    if (!outcome.ok && TURNED_AWAY.has(outcome.error.code)) {
      void reply.header('retry-after', services.generation.retryAfterSeconds);
    }
    return sendResult(reply, outcome);
  };

  app.get('/inference/queue', { schema: { querystring: QueueQuery } }, (request): QueueStatus => {
    const { generation, config } = services;
    const { node_id: nodeId, request_id: requestId } = request.query;
    const found = nodeId === undefined || requestId === undefined ? null : generation.stateOf(nodeId, requestId);
    return {
      running: generation.activeRequests,
      running_limit: config.maxRequests,
      waiting: generation.waitingRequests,
      waiting_limit: config.maxWaitingRequests,
      retry_after_seconds: generation.retryAfterSeconds,
      request:
        found === null
          ? null
          : { state: found.place === null ? 'running' : 'waiting', position: found.place?.position ?? null },
    };
  });

  app.post('/inference/generate', { schema: { body: GenerateBody } }, async (request, reply) => {
    const { body } = request;
    const abort = new AbortController();
    reply.raw.on('close', () => {
      if (!reply.raw.writableFinished) abort.abort();
    });
    const wanted = requestOf(body, body.request_id ?? services.random.uuid());
    const streams = request.headers.accept?.includes('text/event-stream') === true;
    if (!streams) {
      const whole = new WholeAnswer();
      const outcome = await services.generation.generate(wanted, whole, abort.signal);
      if (!outcome.ok) return refused(reply, outcome);
      const { logProbabilities: logprobs } = whole;
      return reply.send({ ...answerOf(outcome.value), ...(logprobs === undefined ? {} : { logprobs }) });
    }
    const stream = new EventStream(reply, services.config.readerTimeoutSeconds * 1_000);
    try {
      const listener = streamListener(stream, wanted.requestId);
      const outcome = await services.generation.generate(wanted, listener, abort.signal);
      if (!stream.isOpen && !outcome.ok) return refused(reply, outcome);
      if (outcome.ok) await stream.send('finished', { ...answerOf(outcome.value), hops: outcome.value.pipeline });
      else await sendFailure(stream, outcome.error);
    } catch (thrown) {
      if (!stream.isOpen) throw thrown;
      services.logger.error({ err: thrown }, 'a streamed answer failed');
      const { error } = refuse('coordinator-internal', 'The coordinator made an error.', { retryable: true });
      await sendFailure(stream, error);
    }
    stream.end();
    return reply;
  });
}
