import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Engine } from '../../inference';
import { ChatMessage } from '../../protocol/compute/model';
import type { Failure, Result } from '../../protocol/result';
import { readRecord, readText } from '../coordinator-client/reading';
import { reasonOf } from '../errors';
import type { NodeLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';
import { nestActivation, readForwardCall } from './forward-call';
import type { ForwardGate } from './forward-gate';
import { runForward } from './forward-run';

/** A prefill of 512 positions at hidden 4,096 takes about 40 MB as JSON. */
const MAX_BODY_BYTES = 64 * 1_024 * 1_024;
/** Longest prompt taken; the model's context is far smaller. */
const MAX_PROMPT_LENGTH = 1_000_000;

const chatMessages = Compile(Type.Array(ChatMessage, { minItems: 1, maxItems: 1_000 }));

/** What the server needs of the node around it. */
export interface ActivationServerHost {
  readonly nodeId: string;
  /** Null while nothing is loaded. */
  shard(): ServedShard | null;
  engine(): Engine | null;
  readonly gate: ForwardGate;
  onStep(flops: number): void;
  onServed(): void;
  onFailed(): void;
}

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'input-invalid': 422,
  'position-mismatch': 422,
  'context-exceeded': 400,
  'template-invalid': 400,
  'kv-budget': 503,
  'sequence-limit': 503,
  'engine-gone': 503,
  'shard-unknown': 503,
  'not-serving': 503,
  'too-many-requests': 503,
  cancelled: 499,
};

/** Errors in the shape of the baseline: a text, or for malformed input a list that names the field. */
function sendFailure(reply: FastifyReply, error: Failure): FastifyReply {
  const status = STATUS_BY_CODE[error.code] ?? 500;
  if (status !== 422) return reply.code(status).send({ detail: error.message });
  const [field = 'body', ...rest] = error.message.split(': ');
  const named = rest.length > 0;
  return reply.code(422).send({
    detail: [
      {
        type: 'value_error',
        loc: named ? ['body', field] : ['body'],
        msg: named ? rest.join(': ') : error.message,
        input: null,
      },
    ],
  });
}

/**
 * The shard node's HTTP server of the tore-0001 baseline: `GET /health`, `POST /shard/tokenize`, `POST /shard/forward`.
 * It keeps nothing between calls. The caller listens with it and closes it.
 */
export function createActivationServer(host: ActivationServerHost, logger: NodeLogger): FastifyInstance {
  const server = Fastify({ logger: false, bodyLimit: MAX_BODY_BYTES });

  server.setErrorHandler((thrown, _request, reply) => {
    const status = readRecord(thrown)?.['statusCode'];
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return reply.code(status).send({ detail: reasonOf(thrown) });
    }
    logger.error('The activation server failed', { reason: reasonOf(thrown) });
    return reply.code(500).send({ detail: 'This node failed unexpectedly.' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not Found' }));

  server.get('/health', () => {
    const shard = host.shard();
    return {
      status: shard === null || host.gate.refusal?.code === 'not-serving' ? 'degraded' : 'healthy',
      node_id: host.nodeId,
      model_id: shard?.handle.modelId ?? null,
      layer_start: shard?.handle.range.layer_start ?? null,
      layer_end: shard?.handle.range.layer_end ?? null,
    };
  });

  /** The shard a call is for, or an answer that says why there is none. */
  const shardFor = (body: unknown, reply: FastifyReply): { shard: ServedShard; engine: Engine } | FastifyReply => {
    const shard = host.shard();
    const engine = host.engine();
    if (shard === null || engine === null) return reply.code(503).send({ detail: 'This node serves no layers now.' });
    // The baseline names the model only to the first shard.
    const modelId = readText(readRecord(body)?.['model_id'], 200);
    if (modelId !== null && modelId !== '' && modelId !== shard.handle.modelId) {
      return reply.code(404).send({ detail: `This node serves ${shard.handle.modelId}, not ${modelId}.` });
    }
    return { shard, engine };
  };

  const answerTokens = (reply: FastifyReply, tokenized: Result<{ inputIds: number[] }>): FastifyReply => {
    if (!tokenized.ok) return sendFailure(reply, tokenized.error);
    const { inputIds } = tokenized.value;
    return reply.send({ input_ids: inputIds, token_count: inputIds.length, node_id: host.nodeId });
  };

  server.post('/shard/tokenize', async (request, reply) => {
    const found = shardFor(request.body, reply);
    if (!('shard' in found)) return found;
    const { prompt, messages } = readRecord(request.body) ?? {};
    // Coordinators that know chats send them beside the baseline's plain prompt.
    if (chatMessages.Check(messages)) {
      const tokenized = await found.engine.tokenize(found.shard.handle.shardKey, { messages });
      return answerTokens(reply, tokenized);
    }
    if (typeof prompt !== 'string' || prompt.length > MAX_PROMPT_LENGTH) {
      const message = `prompt: a text of at most ${MAX_PROMPT_LENGTH} characters is expected`;
      return sendFailure(reply, { code: 'input-invalid', message, retryable: false });
    }
    return answerTokens(reply, await found.engine.tokenize(found.shard.handle.shardKey, { prompt }));
  });

  server.post('/shard/forward', async (request, reply) => {
    const found = shardFor(request.body, reply);
    if (!('shard' in found)) return found;
    const { shard, engine } = found;
    const { hidden_size: hiddenSize, vocab_size: vocabularySize } = shard.manifest;
    const call = readForwardCall(request.body, hiddenSize, vocabularySize);
    if (!call.ok) return sendFailure(reply, call.error);
    const refusal = host.gate.refusal;
    if (refusal !== null) return sendFailure(reply, refusal);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const startedMs = performance.now();
    const admitted = host.gate.enter();
    try {
      const result = await runForward(call.value, {
        engine,
        shard,
        sequenceId: `http-${randomUUID()}`,
        onStep: (flops) => host.onStep(flops),
        signal: AbortSignal.any([gone.signal, admitted.signal]),
      });
      if (!result.ok) {
        host.onFailed();
        const reason = admitted.signal.aborted ? (admitted.signal.reason as Failure) : result.error;
        return await sendFailure(reply, reason);
      }
      host.onServed();
      return {
        ...(result.value.kind === 'activation'
          ? { activations: nestActivation(result.value.activation, hiddenSize) }
          : {
              output_ids: result.value.outputIds,
              text: result.value.text,
              finish_reason: result.value.finishReason,
              ...(result.value.logProbabilities === null ? {} : { logprobs: result.value.logProbabilities }),
            }),
        flops_delivered: result.value.flops,
        node_id: host.nodeId,
        layer_start: shard.handle.range.layer_start,
        layer_end: shard.handle.range.layer_end,
        latency_ms: Math.round((performance.now() - startedMs) * 1_000) / 1_000,
      };
    } finally {
      admitted.leave();
    }
  });

  return server;
}
