import { Environment, Template } from '@huggingface/jinja';
import type { ChatMessage } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { runWithin } from '../time-limit';
import { BoundedInterpreter, TEMPLATE_LIMITS, TemplateLimitError } from './bounded-interpreter';

/** Reading a template of the greatest length takes milliseconds, writing a chat of the greatest length under a second. */
const READ_LIMIT_MS = 2_000;
const RENDER_LIMIT_MS = 5_000;

/** What a template writes around the messages of a chat. */
export interface TemplateTokens {
  readonly beginToken: string | null;
  readonly endToken: string | null;
}

/** A chat template of a model: Jinja as the hub's models use it, run within bounded time and memory. */
export class ChatTemplate {
  readonly #template: Template;

  private constructor(template: Template) {
    this.#template = template;
  }

  /** @returns `template-invalid` where the text is no template */
  static read(text: string): Result<ChatTemplate, EngineErrorCode> {
    try {
      return success(new ChatTemplate(runWithin(READ_LIMIT_MS, () => new Template(text))));
    } catch (thrown) {
      return engineFailure('template-invalid', `The chat template cannot be read: ${reasonOf(thrown)}`);
    }
  }

  /**
   * The text of a chat, ending where the model begins to answer.
   *
   * @returns `template-invalid` where the template refuses the messages, fails, or goes beyond `TEMPLATE_LIMITS`
   */
  render(messages: readonly ChatMessage[], tokens: TemplateTokens): Result<string, EngineErrorCode> {
    try {
      return success(runWithin(RENDER_LIMIT_MS, () => this.#run(messages, tokens)));
    } catch (thrown) {
      return engineFailure('template-invalid', `The chat template refused these messages: ${reasonOf(thrown)}`);
    }
  }

  #run(messages: readonly ChatMessage[], tokens: TemplateTokens): string {
    const environment = new Environment();
    setGlobals(environment);
    environment.set(
      'messages',
      messages.map(({ role, content }) => ({ role, content })),
    );
    environment.set('add_generation_prompt', true);
    environment.set('bos_token', tokens.beginToken ?? '');
    environment.set('eos_token', tokens.endToken ?? '');
    const givenText = messages.reduce((sum, { role, content }) => sum + role.length + content.length, 0);
    const { value } = new BoundedInterpreter(environment, givenText).run(this.#template.parsed);
    if (typeof value !== 'string') throw new TypeError('it writes no text');
    return value;
  }
}

/** What templates find beside their messages, as Hugging Face transformers offers it. */
function setGlobals(environment: Environment): void {
  for (const name of ['true', 'True']) environment.set(name, true);
  for (const name of ['false', 'False']) environment.set(name, false);
  for (const name of ['none', 'None']) environment.set(name, null);
  environment.set('range', rangeOf);
  environment.set('raise_exception', (reason: unknown) => {
    throw new Error(typeof reason === 'string' ? reason.slice(0, 1_000) : 'it gives no reason');
  });
  environment.set('strftime_now', (format: unknown) => formatTime(typeof format === 'string' ? format : ''));
}

/** Python's range. */
function rangeOf(first: unknown, second?: unknown, third?: unknown): number[] {
  const [start, stop] = typeof second === 'number' ? [Number(first), second] : [0, Number(first)];
  const step = typeof third === 'number' ? third : 1;
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!Number.isFinite(count)) throw new Error('range() was given no numbers');
  if (count > TEMPLATE_LIMITS.maxEntries) throw new TemplateLimitError('it makes too long lists');
  return Array.from({ length: count }, (_, index) => start + index * step);
}

/** Python's strftime of the present moment, as far as published templates use it. */
function formatTime(format: string): string {
  const now = new Date();
  const two = (number: number): string => String(number).padStart(2, '0');
  const month = (style: 'long' | 'short'): string => new Intl.DateTimeFormat('en', { month: style }).format(now);
  const fields: Readonly<Record<string, () => string>> = {
    Y: () => String(now.getFullYear()),
    m: () => two(now.getMonth() + 1),
    d: () => two(now.getDate()),
    b: () => month('short'),
    B: () => month('long'),
    H: () => two(now.getHours()),
    M: () => two(now.getMinutes()),
    S: () => two(now.getSeconds()),
    '%': () => '%',
  };
  return format.slice(0, 200).replace(/%(.)/g, (text, name: string) => fields[name]?.() ?? text);
}
