import type { ContentPart } from '../../../protocol/conversation/content';
import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { parseShallowJson } from '../../../protocol/documents/shallow-json';
import { fittingId, fittingName } from '../identity';
import { IMPORT_LIMITS } from '../limits';
import { countOf, firstText, listOf, recordOf, recordsOf, textOf, type SourceRecord } from '../source-values';
import { resolveCitations } from './chatgpt-citations';

/** Where a message stands, as far as its content depends on it. */
export interface MessagePlace {
  readonly id: string;
  readonly role: ParticipantRole;
  /** Id of the message before it when that one calls a tool. */
  readonly callId: string | null;
}

interface Parts {
  readonly parts: readonly ContentPart[];
  /** For the message's metadata. */
  readonly notes: Readonly<Record<string, unknown>>;
}

/** The parts of a ChatGPT message, with citations resolved and attached files named. */
export function chatGptParts(message: SourceRecord, place: MessagePlace): Parts {
  const content = recordOf(message['content']) ?? {};
  const metadata = recordOf(message['metadata']) ?? {};
  const recipient = textOf(message['recipient']) ?? 'all';
  const name = textOf(recordOf(message['author'])?.['name']);
  const files = attachedFiles(metadata);
  const notes: Record<string, unknown> = {};
  let parts: ContentPart[] = contentParts(content, files);
  if (place.role === 'model' && recipient !== 'all') parts = asToolCall(parts, place, recipient);
  else if (place.role === 'tool') parts = asToolResult(parts, place, name);
  else {
    const resolved = resolveCitations(parts, metadata);
    parts = [...resolved.parts];
    if (resolved.unresolved.length > 0) notes['unresolved_citations'] = resolved.unresolved;
  }
  for (const image of resultImages(metadata)) parts.push(image);
  for (const file of files.values()) parts.push(file.part);
  return { parts, notes };
}

interface AttachedFile {
  readonly name: string | null;
  readonly mediaType: string | null;
  readonly part: ContentPart;
}

/** Files named in a message's metadata by their id. Those that an asset pointer shows are taken out of the map. */
function attachedFiles(metadata: SourceRecord): Map<string, AttachedFile> {
  const files = new Map<string, AttachedFile>();
  for (const entry of recordsOf(metadata['attachments'])) {
    const id = textOf(entry['id']);
    if (id === null) continue;
    const name = textOf(entry['name']);
    const mediaType = firstText(entry['mime_type'], entry['mimeType']);
    const sizeBytes = countOf(entry['size']);
    const described = {
      uri: fileUri(id),
      ...(name === null ? {} : { name: fittingName(name) }),
      ...(mediaType === null ? {} : { media_type: fittingName(mediaType) }),
      ...(sizeBytes === null ? {} : { size_bytes: sizeBytes }),
    };
    const isImage = mediaType?.startsWith('image/') ?? false;
    const part: ContentPart = isImage
      ? { type: 'image', ...described, ...sizeOf(entry) }
      : { type: 'file', ...described };
    files.set(assetId(id) ?? id, { name, mediaType, part });
  }
  return files;
}

function fileUri(id: string): string {
  return (id.startsWith('file_') ? `sediment://${id}` : `file-service://${id}`).slice(0, 20_000);
}

const FILE_ID = /file[-_](?!service:)[A-Za-z0-9]+/g;

/** The ids of files in an asset pointer or in the name of an archive's file: `file-` or `file_`, letters and digits. */
export function chatGptFileIds(text: string): readonly string[] {
  return text.match(FILE_ID) ?? [];
}

function assetId(pointer: string): string | null {
  return chatGptFileIds(pointer)[0] ?? null;
}

function sizeOf(entry: SourceRecord): { readonly width?: number; readonly height?: number } {
  const width = countOf(entry['width']);
  const height = countOf(entry['height']);
  return { ...(width === null ? {} : { width }), ...(height === null ? {} : { height }) };
}

function textPart(value: unknown): ContentPart[] {
  const text = textOf(value);
  return text === null ? [] : [{ type: 'text', text }];
}

function contentParts(content: SourceRecord, files: Map<string, AttachedFile>): ContentPart[] {
  const type = textOf(content['content_type']) ?? 'text';
  switch (type) {
    case 'code':
      return codePart(content);
    case 'execution_output':
      return textPart(content['text']);
    case 'tether_browsing_display':
      return [...textPart(content['summary']), ...textPart(content['result'])];
    case 'tether_quote':
    case 'sonic_webpage':
      return [citationOf(content)];
    case 'system_error':
      return [
        {
          type: 'tool_result',
          output: [textOf(content['name']), textOf(content['text'])].filter((text) => text !== null).join(': '),
          is_error: true,
        },
      ];
    case 'user_editable_context':
      return [...textPart(content['user_profile']), ...textPart(content['user_instructions'])];
    case 'model_editable_context':
      return textPart(content['model_set_context']);
    case 'thoughts':
      return recordsOf(content['thoughts']).map((thought) => {
        const summary = textOf(thought['summary']);
        return { type: 'thinking', text: textOf(thought['content']) ?? '', ...(summary === null ? {} : { summary }) };
      });
    case 'reasoning_recap':
      return [{ type: 'thinking', text: '', summary: textOf(content['content']) ?? '' }];
    case 'computer_output':
      return pointerParts(recordOf(content['screenshot']) ?? {}, files);
    default:
      return mixedParts(type, content, files);
  }
}

function codePart(content: SourceRecord): ContentPart[] {
  const language = textOf(content['language']);
  const known = language === null || language === 'unknown' ? {} : { language: fittingName(language) };
  return [{ type: 'code', code: textOf(content['text']) ?? '', ...known }];
}

function citationOf(source: SourceRecord): ContentPart {
  const title = textOf(source['title']) ?? textOf(source['domain']);
  const uri = textOf(source['url']);
  const text = firstText(source['text'], source['snippet']);
  return {
    type: 'citation',
    ...(title === null ? {} : { title }),
    ...(uri === null ? {} : { uri: uri.slice(0, 20_000) }),
    ...(text === null ? {} : { text }),
  };
}

/** `parts` may hold texts and objects side by side, and nulls. */
function mixedParts(type: string, content: SourceRecord, files: Map<string, AttachedFile>): ContentPart[] {
  const parts: ContentPart[] = [];
  for (const entry of listOf(content['parts'])) {
    if (typeof entry === 'string') parts.push(...textPart(entry));
    const record = recordOf(entry);
    if (record !== null) parts.push(...objectParts(record, files));
  }
  if (parts.length > 0 || type === 'text' || type === 'multimodal_text') return parts;
  const text = firstText(content['text'], content['result'], content['content']);
  // A type of a later version: its fields pass through as they are.
  return text === null ? [{ ...content, type: `chatgpt.${type}` }] : textPart(text);
}

function objectParts(record: SourceRecord, files: Map<string, AttachedFile>): ContentPart[] {
  const type = textOf(record['content_type']);
  if (type === 'audio_transcription') {
    const text = textOf(record['text']);
    return text === null ? [] : [{ type: 'text', text, metadata: { transcription: true } }];
  }
  if (type === 'real_time_user_audio_video_asset_pointer') {
    const inner = [
      recordOf(record['audio_asset_pointer']),
      recordOf(record['video_container_asset_pointer']),
      ...recordsOf(record['frames_asset_pointers']),
    ];
    return inner.flatMap((pointer) => (pointer === null ? [] : pointerParts(pointer, files)));
  }
  if (typeof record['asset_pointer'] === 'string') return pointerParts(record, files);
  if (typeof record['text'] === 'string') return textPart(record['text']);
  return [{ ...record, type: `chatgpt.${type ?? 'part'}` }];
}

function pointerParts(record: SourceRecord, files: Map<string, AttachedFile>): ContentPart[] {
  const uri = textOf(record['asset_pointer']);
  if (uri === null) return [];
  const id = assetId(uri);
  const file = id === null ? undefined : files.get(id);
  if (id !== null) files.delete(id);
  const sizeBytes = countOf(record['size_bytes']);
  const described = {
    uri: uri.slice(0, 20_000),
    ...(file?.name === null || file?.name === undefined ? {} : { name: fittingName(file.name) }),
    ...(sizeBytes === null ? {} : { size_bytes: sizeBytes }),
  };
  const type = textOf(record['content_type']) ?? 'image_asset_pointer';
  if (type.includes('audio') || type.includes('video')) {
    const format = textOf(record['format']);
    const medium = type.includes('audio') ? 'audio' : 'video';
    return [{ type: 'file', ...described, ...(format === null ? {} : { media_type: `${medium}/${format}` }) }];
  }
  const alt = textOf(recordOf(recordOf(record['metadata'])?.['dalle'])?.['prompt']);
  const mediaType = file?.mediaType ?? null;
  return [
    {
      type: 'image',
      ...described,
      ...(mediaType === null ? {} : { media_type: fittingName(mediaType) }),
      ...sizeOf(record),
      ...(alt === null ? {} : { alt }),
    },
  ];
}

function plainText(part: ContentPart): string | null {
  if (part.type === 'code' && 'code' in part && typeof part.code === 'string') return part.code;
  return part.type === 'text' && 'text' in part && typeof part.text === 'string' ? part.text : null;
}

/** A message to somebody else than the person is a call; its text is what the tool was given. */
function asToolCall(parts: readonly ContentPart[], place: MessagePlace, recipient: string): ContentPart[] {
  const texts = parts.flatMap((part) => plainText(part) ?? []);
  const others = parts.filter((part) => plainText(part) === null);
  return [
    {
      type: 'tool_call',
      call_id: fittingId(place.id),
      name: fittingName(recipient),
      arguments: parsedArguments(texts.join('\n')),
    },
    ...others,
  ];
}

function parsedArguments(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return parseShallowJson(text, IMPORT_LIMITS.maxArgumentDepth);
  } catch (thrown) {
    // Programs begin with a bracket too; they stay text, like what nests too deeply.
    if (thrown instanceof SyntaxError) return text;
    throw thrown;
  }
}

function asToolResult(parts: readonly ContentPart[], place: MessagePlace, name: string | null): ContentPart[] {
  const texts = parts.flatMap((part) => plainText(part) ?? []);
  const described = {
    ...(place.callId === null ? {} : { call_id: fittingId(place.callId) }),
    ...(name === null ? {} : { name: fittingName(name) }),
  };
  const others = parts
    .filter((part) => plainText(part) === null)
    .map((part): ContentPart => (part.type === 'tool_result' ? { ...part, ...described } : part));
  return texts.length === 0 ? others : [{ type: 'tool_result', ...described, output: texts.join('\n') }, ...others];
}

/** Pictures a program drew, named in the run's record. */
function resultImages(metadata: SourceRecord): ContentPart[] {
  return recordsOf(recordOf(metadata['aggregate_result'])?.['messages']).flatMap((entry): ContentPart[] => {
    const uri = textOf(entry['image_url']);
    return uri === null ? [] : [{ type: 'image', uri: uri.slice(0, 20_000), ...sizeOf(entry) }];
  });
}
