import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, streamText, type LanguageModel } from 'ai';
import type { ChatMessage } from '../../../protocol/compute/model';
import { failure, success, type Result } from '../../../protocol/result';
import { reasonOf } from '../../errors';
import type { OwnModel } from './own-models-service';

/** What an own model is asked. */
export interface OwnModelRequest {
  readonly messages: readonly ChatMessage[];
  readonly maxNewTokens: number;
  readonly temperature: number;
}

export interface OwnModelListeners {
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A whole answer. A provider's own bill is between it and its customer, so no cost is known here. */
export interface ProviderAnswer {
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** `length`: the limit of new tokens ended it. */
  readonly finishReason: 'stop' | 'length';
}

/** Attempts at one request; a provider that is busy is asked once more. */
const MAX_RETRIES = 1;

/** A request goes to the address its person gave and nowhere else: a redirect could lead it, with its key, elsewhere. */
export function fetchWithoutRedirects(fetchFunction: typeof fetch): typeof fetch {
  return (input, init) => fetchFunction(input, { ...init, redirect: 'error' });
}

function languageModel(model: OwnModel, apiKey: string | null, fetchFunction: typeof fetch): LanguageModel {
  const settings = { fetch: fetchWithoutRedirects(fetchFunction), ...(apiKey === null ? {} : { apiKey }) };
  switch (model.kind) {
    case 'anthropic':
      return createAnthropic({ ...settings, apiKey: apiKey ?? '' })(model.modelId);
    case 'google':
      return createGoogleGenerativeAI({ ...settings, apiKey: apiKey ?? '' })(model.modelId);
    case 'openai':
      return createOpenAI({ ...settings, apiKey: apiKey ?? '' }).chat(model.modelId);
    case 'openai-compatible':
    case 'network':
      return createOpenAICompatible({ ...settings, name: 'own', baseURL: model.baseUrl ?? '', includeUsage: true })(
        model.modelId,
      );
  }
}

/** What went wrong, without anything of the request: error texts of providers may quote the prompt or the key. */
function explain(thrown: unknown, model: OwnModel): ReturnType<typeof failure<string>> {
  if (APICallError.isInstance(thrown)) {
    const status = thrown.statusCode;
    if (status === 401 || status === 403) {
      return failure('provider-refused', `${model.name} refused the key (status ${status}).`, {
        suggestion: 'Check the key of this model.',
      });
    }
    if (status === 404) {
      return failure('provider-refused', `${model.name} does not know the model ${model.modelId}.`, {
        suggestion: 'Check the model’s name and the address.',
      });
    }
    if (status === 429) {
      return failure('provider-refused', `${model.name} has too many requests or no credit left (status 429).`, {
        retryable: true,
      });
    }
    const what = status === undefined ? 'cannot be reached' : `answered with status ${status}`;
    return failure('provider-failed', `${model.name} ${what}.`, {
      retryable: thrown.isRetryable,
      suggestion: 'Check that the server runs and that its address is right.',
    });
  }
  const name = thrown instanceof Error ? thrown.name : 'unknown';
  const network = /ECONNREFUSED|ENOTFOUND|fetch failed/.test(reasonOf(thrown));
  return failure('provider-failed', network ? `${model.name} cannot be reached.` : `${model.name} failed (${name}).`, {
    retryable: true,
    suggestion: 'Check that the server runs and that its address is right.',
  });
}

/** Asks a model of a provider or of a server of one's own, streaming its text. */
export async function askProvider(
  model: OwnModel,
  apiKey: string | null,
  request: OwnModelRequest,
  listeners: OwnModelListeners,
  fetchFunction: typeof fetch = fetch,
): Promise<Result<ProviderAnswer>> {
  let problem: unknown = null;
  let text = '';
  try {
    const result = streamText({
      model: languageModel(model, apiKey, fetchFunction),
      messages: request.messages.map(({ role, content }) => ({ role, content })),
      maxOutputTokens: request.maxNewTokens,
      temperature: request.temperature,
      abortSignal: listeners.signal,
      maxRetries: MAX_RETRIES,
      // Telemetry stays off, and errors are ours to explain, not the library's to print.
      onError: ({ error }) => {
        problem = error;
      },
    });
    for await (const piece of result.textStream) {
      text += piece;
      listeners.onText(piece);
    }
    if (listeners.signal.aborted) return failure('cancelled', 'The answer was stopped.');
    if (problem !== null) return explain(problem, model);
    const usage = await result.totalUsage;
    const finishReason = (await result.finishReason) === 'length' ? 'length' : 'stop';
    return success({
      text,
      inputTokens: usage.inputTokens ?? 0,
      outputTokens: usage.outputTokens ?? 0,
      finishReason,
    });
  } catch (thrown) {
    if (listeners.signal.aborted) return failure('cancelled', 'The answer was stopped.');
    return explain(problem ?? thrown, model);
  }
}
