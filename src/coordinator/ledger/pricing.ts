import { countFlops, countRequestFlops } from '../../protocol/compute/flops';
import { spentMicroGft, type Precision } from '../../protocol/compute/formulas';
import type { MicroGft } from '../../protocol/compute/micro-gft';
import type { ChatMessage, LayerRange, ModelShape } from '../../protocol/compute/model';

/** Tokens a tokenizer may add to a plain prompt (begin and end marks, a leading space). */
const PROMPT_ALLOWANCE_TOKENS = 16;
/** Tokens a chat template may add per message (role marks, line breaks) and once for the whole chat. */
const MESSAGE_ALLOWANCE_TOKENS = 32;
/** A template's own text, such as a default system message, is counted up to this many bytes. */
const TEMPLATE_ALLOWANCE_BYTES = 4_096;

const encoder = new TextEncoder();

/** The text of a request: taken as it is, or a chat the model's template is applied to. */
export type PromptText =
  { readonly prompt: string } | { readonly messages: readonly ChatMessage[]; readonly chatTemplate: string | null };

/** Most tokens a text can become: every tokenizer in use spends at least one byte of UTF-8 on a token. */
export function maximumInputTokens(text: PromptText): number {
  if ('prompt' in text) return encoder.encode(text.prompt).length + PROMPT_ALLOWANCE_TOKENS;
  const contentBytes = text.messages.reduce((sum, message) => sum + encoder.encode(message.content).length, 0);
  const templateBytes = Math.min(TEMPLATE_ALLOWANCE_BYTES, encoder.encode(text.chatTemplate ?? '').length);
  return contentBytes + templateBytes + MESSAGE_ALLOWANCE_TOKENS * (text.messages.length + 1);
}

/** What a request that read `inputTokens` and wrote `outputTokens` costs. */
export function requestPrice(
  shape: ModelShape,
  inputTokens: number,
  outputTokens: number,
  precision: Precision,
): MicroGft {
  return outputTokens === 0 ? 0 : spentMicroGft(countRequestFlops(shape, inputTokens, outputTokens), precision);
}

/** Positions a hop did from the first on, and tokens it sampled. */
export interface HopWork {
  readonly positions: number;
  readonly tokens: number;
}

/** FLOPs of layers over the positions they did. A request of n tokens in and m out is n + m − 1 positions and m tokens. */
export function layersFlops(shape: ModelShape, range: LayerRange, { positions, tokens }: HopWork): number {
  return countFlops(shape, range, positions, 0, tokens);
}

/** What layers of a request cost, the head with the last of them: the price of a request split by its layers. */
export function layersPrice(shape: ModelShape, range: LayerRange, work: HopWork, precision: Precision): MicroGft {
  return spentMicroGft(layersFlops(shape, range, work), precision);
}

/**
 * Upper bound of a request's price before its prompt is tokenized. Input and output together fit the context; an output
 * token costs at least as much as an input token, so where both do not fit, output is kept and input gives way.
 */
export function maximumPrice(
  shape: ModelShape,
  maximumInput: number,
  maxNewTokens: number,
  precision: Precision,
): MicroGft {
  const output = Math.min(maxNewTokens, Math.max(1, shape.context_length - 1));
  const input = Math.max(1, Math.min(maximumInput, shape.context_length - output));
  return requestPrice(shape, input, output, precision);
}

/** Largest `max_new_tokens` whose upper bound fits `availableMicroGft`, 0 when not even one token does. */
export function affordableTokens(
  shape: ModelShape,
  maximumInput: number,
  maxNewTokens: number,
  precision: Precision,
  availableMicroGft: MicroGft,
): number {
  let low = 0;
  let high = maxNewTokens;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (maximumPrice(shape, maximumInput, middle, precision) <= availableMicroGft) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Price of `outputTokens` at the start of the context, without a prompt: the baseline's cost estimate. */
export function estimatedPrice(shape: ModelShape, outputTokens: number, precision: Precision): MicroGft {
  return requestPrice(shape, 1, outputTokens, precision);
}
