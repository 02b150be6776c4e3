import type { ContentPart } from '../../../protocol/conversation/content';
import { parseShallowJson } from '../../../protocol/documents/shallow-json';
import { fittingId, fittingName } from '../identity';
import { IMPORT_LIMITS } from '../limits';
import { firstText, listOf, recordOf, recordsOf, textOf, type SourceRecord } from '../source-values';

/*
 * Content as the chat completions of most providers and local programs write it: a text, or a list of parts. Texts may
 * carry the model's thoughts in tags.
 */

/** `<think>` by several open models, `<details type="reasoning">` by Open WebUI. */
const THOUGHTS =
  /^\s*(?:<think(?:ing)?>([\s\S]*?)(?:<\/think(?:ing)?>|$)|<details type="reasoning"[^>]*>([\s\S]*?)<\/details>)\s*/;
const SUMMARY = /^\s*<summary>[\s\S]*?<\/summary>\s*/;

/** A text with the thoughts it begins with as parts of their own. */
export function splitThoughts(text: string): readonly ContentPart[] {
  const found = THOUGHTS.exec(text);
  if (found === null) return text === '' ? [] : [{ type: 'text', text }];
  const thoughts = (found[1] ?? found[2] ?? '').replace(SUMMARY, '').trim();
  const rest = text.slice(found[0].length);
  return [
    ...(thoughts === '' ? [] : [{ type: 'thinking' as const, text: thoughts }]),
    ...(rest === '' ? [] : [{ type: 'text' as const, text: rest }]),
  ];
}

/** The parts of `content` in a chat message. */
export function messageContentParts(content: unknown): readonly ContentPart[] {
  if (typeof content === 'string') return splitThoughts(content);
  const single = recordOf(content);
  if (single !== null) return contentPart(single);
  return listOf(content).flatMap((entry) => {
    if (typeof entry === 'string') return splitThoughts(entry);
    const record = recordOf(entry);
    return record === null ? [] : contentPart(record);
  });
}

/** `text` may be a text or an object that holds one (`{value, annotations}`). */
export function innerText(value: unknown): string | null {
  return textOf(value) ?? textOf(recordOf(value)?.['value']);
}

function contentPart(part: SourceRecord): readonly ContentPart[] {
  const type = textOf(part['type']) ?? 'text';
  switch (type) {
    case 'text':
    case 'input_text':
    case 'output_text': {
      const text = innerText(part['text']) ?? innerText(part['content']);
      return text === null ? [] : splitThoughts(text);
    }
    case 'think':
    case 'thinking':
    case 'reasoning': {
      const text =
        firstText(part['think'], part['thinking'], part['reasoning'], part['text']) ?? innerText(part['text']);
      return text === null ? [] : [{ type: 'thinking', text }];
    }
    case 'image_url':
    case 'input_image':
    case 'image': {
      const source = recordOf(part['source']);
      const data = textOf(source?.['data']);
      const embedded = data === null ? null : `data:${textOf(source?.['media_type']) ?? 'image/png'};base64,${data}`;
      const uri = firstText(recordOf(part['image_url'])?.['url'], part['image_url'], part['url'], embedded);
      return uri === null ? [] : [{ type: 'image', uri }];
    }
    case 'tool_call':
      return toolCall(recordOf(part['tool_call']) ?? part);
    case 'tool_use':
      return toolCall({ ...part, args: part['input'] });
    case 'error': {
      const text = firstText(part['error'], part['text']);
      return text === null ? [] : [{ type: 'text', text, metadata: { error: true } }];
    }
    default:
      return [{ ...part, type: `chat.${type}` }];
  }
}

function parsedArguments(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value ?? {};
  try {
    const parsed = parseShallowJson(value, IMPORT_LIMITS.maxArgumentDepth);
    return parsed;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return value;
    throw thrown;
  }
}

/** A call with, in some products, its result in the same place. */
function toolCall(call: SourceRecord): readonly ContentPart[] {
  const wrapped = recordOf(call['function']) ?? call;
  const id = textOf(call['id']);
  const name = fittingName(textOf(wrapped['name']) ?? 'tool');
  const callId = id === null ? {} : { call_id: fittingId(id) };
  const output = call['output'];
  return [
    { type: 'tool_call', ...callId, name, arguments: parsedArguments(wrapped['arguments'] ?? wrapped['args']) },
    ...(output === undefined || output === null || output === ''
      ? []
      : [{ type: 'tool_result' as const, ...callId, name, output }]),
  ];
}

/** The calls of `tool_calls` beside a message's content. */
export function toolCallParts(message: SourceRecord): readonly ContentPart[] {
  return recordsOf(message['tool_calls']).flatMap((call) => toolCall(call));
}
