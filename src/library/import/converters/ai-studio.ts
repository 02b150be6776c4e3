import type { ContentPart } from '../../../protocol/conversation/content';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash, fittingName } from '../identity';
import { countOf, recordOf, recordsOf, textOf, timeOf, without, type SourceRecord } from '../source-values';

/** Converts a prompt saved by Google AI Studio: one file each, a list of chunks with thoughts as chunks of their own. */
export function convertAiStudio(record: SourceRecord, context: ConvertContext): Converted {
  const prompt = recordOf(record['chunkedPrompt']) ?? {};
  const chunks = recordsOf(prompt['chunks']);
  const settings = recordOf(record['runSettings']) ?? {};
  const model = textOf(settings['model'])?.replace(/^models\//, '') ?? null;
  const builder = new ConversationBuilder();
  let previous: string | null = null;
  const instruction = instructionOf(record['systemInstruction']);
  if (instruction !== null) {
    previous = 'system';
    builder.add({
      id: previous,
      parentId: null,
      participantId: builder.participant('system'),
      createdAt: null,
      content: [{ type: 'text', text: instruction }],
      hidden: true,
    });
  }
  for (const [index, chunk] of chunks.entries()) {
    const isModel = chunk['role'] === 'model';
    const tokens = countOf(chunk['tokenCount']);
    const id = `chunk-${index + 1}`;
    builder.add({
      id,
      parentId: previous,
      participantId: isModel ? builder.participant('model', { name: 'Gemini', model }) : builder.participant('human'),
      createdAt: timeOf(chunk['createTime']),
      content: chunkParts(chunk),
      model: isModel ? model : null,
      ...(tokens === null ? {} : { usage: isModel ? { output_tokens: tokens } : { input_tokens: tokens } }),
      sourceRecord: chunk,
    });
    previous = id;
  }
  // What was typed and not sent is no message; it stays in the source record.
  return conversationOrNothing(
    builder.finish({
      platform: 'google-ai-studio',
      originalId: contentHash(JSON.stringify(chunks)),
      title: textOf(record['title']) ?? titleFromName(context.fileName),
      createdAt: timeOf(record['createTime']),
      updatedAt: timeOf(record['updateTime']),
      model,
      head: previous,
      sourceRecord: { ...record, chunkedPrompt: without(prompt, 'chunks') },
      fallbackTime: context.fallbackTime,
    }),
  );
}

/** AI Studio's files have no title inside; Drive keeps it as their name. */
function titleFromName(fileName: string): string | null {
  const name = fileName.replace(/\.json$/i, '').trim();
  return name === '' ? null : name;
}

function instructionOf(value: unknown): string | null {
  const record = recordOf(value);
  const texts = [record?.['text'], ...recordsOf(record?.['parts']).map((part) => part['text'])];
  const text = texts.filter((entry) => typeof entry === 'string').join('\n');
  return text === '' ? textOf(value) : text;
}

function chunkParts(chunk: SourceRecord): readonly ContentPart[] {
  const isThought = chunk['isThought'] === true || chunk['thought'] === true;
  const own = textOf(chunk['text']);
  const inner = recordsOf(chunk['parts']);
  // `parts` repeats `text` in pieces; the whole is better to read.
  const texts: readonly ContentPart[] =
    own === null ? inner.flatMap((part) => textParts(part, isThought)) : textParts(chunk, isThought);
  return [...texts, ...codeParts(chunk), ...fileParts(chunk), ...groundingParts(chunk)];
}

function textParts(part: SourceRecord, isThought: boolean): readonly ContentPart[] {
  const text = textOf(part['text']);
  if (text === null) return [];
  return [{ type: isThought || part['thought'] === true ? 'thinking' : 'text', text }];
}

function codeParts(chunk: SourceRecord): readonly ContentPart[] {
  const parts: ContentPart[] = [];
  const code = recordOf(chunk['executableCode']);
  if (code !== null) {
    const language = textOf(code['language'])?.toLowerCase() ?? null;
    parts.push({
      type: 'tool_call',
      name: 'code_execution',
      arguments: { code: code['code'] ?? '', ...(language === null ? {} : { language }) },
    });
  }
  const result = recordOf(chunk['codeExecutionResult']);
  if (result !== null) {
    const outcome = textOf(result['outcome']) ?? '';
    parts.push({
      type: 'tool_result',
      name: 'code_execution',
      output: result['output'] ?? '',
      ...(/fail|error|deadline/i.test(outcome) ? { is_error: true } : {}),
    });
  }
  return parts;
}

function fileParts(chunk: SourceRecord): readonly ContentPart[] {
  const parts: ContentPart[] = [];
  const inline = recordOf(chunk['inlineFile']) ?? recordOf(chunk['inlineData']) ?? recordOf(chunk['inlineImage']);
  const data = textOf(inline?.['data']);
  if (inline !== null && data !== null) {
    const mediaType = textOf(inline['mimeType']) ?? 'application/octet-stream';
    const type = mediaType.startsWith('image/') ? 'image' : 'file';
    parts.push({ type, uri: `data:${mediaType};base64,${data}`, media_type: fittingName(mediaType) });
  }
  for (const [field, type] of [
    ['driveImage', 'image'],
    ['driveDocument', 'file'],
    ['driveAudio', 'file'],
    ['driveVideo', 'file'],
    ['youtubeVideo', 'file'],
  ] as const) {
    const id = textOf(recordOf(chunk[field])?.['id']);
    if (id !== null)
      parts.push({ type, uri: `${field === 'youtubeVideo' ? 'youtube' : 'google-drive'}:${id}`.slice(0, 20_000) });
  }
  return parts;
}

function groundingParts(chunk: SourceRecord): readonly ContentPart[] {
  const grounding = recordOf(chunk['grounding']);
  return recordsOf(grounding?.['groundingSources']).flatMap((source): ContentPart[] => {
    const uri = textOf(source['uri']);
    const title = textOf(source['title']);
    if (uri === null && title === null) return [];
    return [
      {
        type: 'citation',
        ...(title === null ? {} : { title }),
        ...(uri === null ? {} : { uri: uri.slice(0, 20_000) }),
      },
    ];
  });
}
