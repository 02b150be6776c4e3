import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { Result } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { GenerateOptions, GenerateRequest } from '../coordinator-client/coordinator-client';
import { readRecord, readText } from '../coordinator-client/reading';
import { reasonOf } from '../errors';
import type { NodeLogger } from '../logger';
import {
  ANSWER_CHANGED,
  apiErrorOf,
  errorBody,
  INTERNAL,
  invalidRequest,
  UNKNOWN_ADDRESS,
  WRONG_KEY,
  type ApiError,
} from './api-errors';
import { AnswerWriter } from './completion-answers';
import { SentAnswer } from './sent-answer';
import { readChatRequest, readTextRequest, type CompletionRequest, type ReadRequest } from './completion-requests';

/** A conversation of a million characters, with room for JSON's escapes. */
const MAX_BODY_BYTES = 4 * 1_024 * 1_024;
/** An editor sends a handful at a time; each spends the owner's GFT. */
const MAX_CONCURRENT_REQUESTS = 16;
/** Models read from a coordinator's list. */
const MAX_MODELS = 1_000;
/**
 * Names a request may call this server by. A page in a browser that got its own name resolved to 127.0.0.1 still sends
 * that name.
 */
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** What the endpoint needs of the node around it. */
export interface LocalApiHost {
  generate(request: GenerateRequest, options: GenerateOptions): Promise<Result<GenerateOutcome>>;
  /** Reads a JSON document of the coordinator. */
  fetchJson(path: string): Promise<Result<unknown>>;
  acceptsKey(key: string): boolean;
  nowMs(): number;
}

interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: 0;
  readonly owned_by: 'tore';
  /** Beside OpenAI's fields: whether every layer is held by somebody now, and how long a conversation may be. */
  readonly tore: { readonly available: boolean; readonly context_length: number | null };
}

function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  return reply.code(error.status).send(errorBody(error));
}

function readModels(listing: unknown): ListedModel[] {
  const models: unknown = readRecord(listing)?.['models'];
  if (!Array.isArray(models)) return [];
  return models.slice(0, MAX_MODELS).flatMap((entry: unknown): ListedModel[] => {
    const record = readRecord(entry);
    const id = readText(record?.['model_id'], 200);
    if (record === null || id === null || id === '') return [];
    const { pipeline_available: available, context_length: contextLength } = record;
    return [
      {
        id,
        object: 'model',
        created: 0,
        owned_by: 'tore',
        tore: {
          available: available === true,
          context_length: typeof contextLength === 'number' ? contextLength : null,
        },
      },
    ];
  });
}

/** Aborts when the client closes the connection before its answer is complete. */
function watchClient(reply: FastifyReply): AbortController {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone;
}

/** Writes server-sent events. Errors after the first one travel as an event, since the status is out already. */
class EventStream {
  #open = false;

  constructor(private readonly reply: FastifyReply) {}

  get isOpen(): boolean {
    return this.#open;
  }

  send(event: object | null): void {
    if (event === null || this.reply.raw.destroyed) return;
    if (!this.#open) {
      this.#open = true;
      this.reply.hijack();
      this.reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    }
    this.reply.raw.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  end(): void {
    this.reply.raw.end('data: [DONE]\n\n');
  }

  fail(error: ApiError): void {
    this.send(errorBody(error));
    this.reply.raw.end();
  }
}

/**
 * An endpoint in the shape of OpenAI's API that spends this computer's GFT: `GET /v1/models`,
 * `POST /v1/chat/completions`, `POST /v1/completions`. The caller listens with it, on loopback, and closes it.
 */
export function createLocalApiServer(host: LocalApiHost, logger: NodeLogger): FastifyInstance {
  const server = Fastify({ logger: false, bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  let active = 0;

  server.setErrorHandler((thrown, _request, reply) => {
    const status = readRecord(thrown)?.['statusCode'];
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return sendError(reply, { ...invalidRequest(reasonOf(thrown), null), status });
    }
    logger.error('The local endpoint failed', { reason: reasonOf(thrown) });
    return sendError(reply, INTERNAL);
  });
  server.setNotFoundHandler((_request, reply) => sendError(reply, UNKNOWN_ADDRESS));

  // Before the body is read: who has no key shall not make this program parse anything.
  server.addHook('onRequest', async (request, reply) => {
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    const [scheme, key = ''] = (request.headers.authorization ?? '').split(' ');
    const isKnown = scheme?.toLowerCase() === 'bearer' && host.acceptsKey(key);
    if (!LOOPBACK_NAMES.has(name) || !isKnown) return sendError(reply, WRONG_KEY);
    return undefined;
  });

  const listModels = async (): Promise<ListedModel[] | ApiError> => {
    const listing = await host.fetchJson('/inference/models');
    return listing.ok ? readModels(listing.value) : apiErrorOf(listing.error);
  };

  server.get('/v1/models', async (_request, reply) => {
    const models = await listModels();
    return 'status' in models ? sendError(reply, models) : { object: 'list', data: models };
  });

  // A model's name may hold slashes.
  server.get('/v1/models/*', async (request, reply) => {
    const name = readText(readRecord(request.params)?.['*'], 200);
    const models = await listModels();
    if ('status' in models) return sendError(reply, models);
    const model = models.find((one) => one.id === name);
    if (model !== undefined) return model;
    return sendError(reply, { ...invalidRequest('There is no such model.', 'model', 'model_not_found'), status: 404 });
  });

  const stream = async (request: CompletionRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const writer = new AnswerWriter(request, host.nowMs());
    const events = new EventStream(reply);
    const gone = watchClient(reply);
    const { maxNewTokens } = request.generate;
    const sent = new SentAnswer();
    const sendText = (text: string): void => {
      if (!events.isOpen) events.send(writer.opening());
      if (text === '') return;
      events.send(writer.piece(text, sent.takeDescribed()));
    };
    const outcome = await host.generate(request.generate, {
      onStarted: ({ isResumed }) => {
        if (isResumed !== true) sent.begin();
        sendText('');
      },
      onToken: ({ index, text, logProbabilities }) => {
        if (logProbabilities !== undefined && index < maxNewTokens) sent.describe(index, logProbabilities);
        sendText(sent.add(text));
        if (sent.differs) gone.abort();
      },
      signal: gone.signal,
    });
    // A coordinator that cannot stream gives the whole text at the end.
    const rest = outcome.ok ? sent.rest(outcome.value.text) : '';
    if (sent.differs) {
      events.fail(ANSWER_CHANGED);
      return reply;
    }
    if (!outcome.ok) {
      const error = apiErrorOf(outcome.error);
      if (!events.isOpen) return sendError(reply, error);
      events.fail(error);
      return reply;
    }
    sendText(rest);
    for (const event of writer.closing(outcome.value, sent.takeDescribed())) events.send(event);
    events.end();
    return reply;
  };

  const answer = async (read: ReadRequest, reply: FastifyReply): Promise<unknown> => {
    if (!read.ok) return sendError(reply, read.error);
    if (active >= MAX_CONCURRENT_REQUESTS) {
      const message = `${MAX_CONCURRENT_REQUESTS} requests are being answered already.`;
      return sendError(reply, apiErrorOf({ code: 'too-many-requests', message, retryable: true }));
    }
    active += 1;
    try {
      if (read.request.stream) return await stream(read.request, reply);
      const { generate } = read.request;
      const described = new Map<number, TokenLogProbabilities>();
      const outcome = await host.generate(generate, {
        onStarted: ({ isResumed }) => {
          if (isResumed !== true) described.clear();
        },
        onToken: ({ index, logProbabilities }) => {
          if (logProbabilities !== undefined && index < generate.maxNewTokens) described.set(index, logProbabilities);
        },
        signal: watchClient(reply).signal,
      });
      if (!outcome.ok) return await sendError(reply, apiErrorOf(outcome.error));
      return new AnswerWriter(read.request, host.nowMs()).whole(outcome.value, [...described.values()]);
    } finally {
      active -= 1;
    }
  };

  server.post('/v1/chat/completions', (request: FastifyRequest, reply) => answer(readChatRequest(request.body), reply));
  server.post('/v1/completions', (request: FastifyRequest, reply) => answer(readTextRequest(request.body), reply));
  return server;
}
