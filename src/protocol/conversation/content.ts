import { Type, type Static } from 'typebox';
import { Count, Identifier, Maybe, MediaType, Metadata, Name, Text, Uri } from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';

/*
 * Content parts of a message (tore-0005) or a turn (tore-0003). The standard names the types and leaves their fields
 * open; the fields below are ours. Every part may carry further fields and `metadata`, which are kept.
 */

/** Prose, Markdown unless `format` says otherwise. */
export const TextPart = Type.Object({
  type: Type.Literal('text'),
  text: Text,
  /** `markdown` (also when absent), `plain`, `html`, or any other name. */
  format: Maybe(Name),
  metadata: Metadata,
});
export type TextPart = Static<typeof TextPart>;

/** A piece of program text. */
export const CodePart = Type.Object({
  type: Type.Literal('code'),
  code: Text,
  /** As behind the fence of a Markdown block: `python`, `ts`. */
  language: Maybe(Name),
  /** Name of the file it is meant for. */
  name: Maybe(Name),
  metadata: Metadata,
});
export type CodePart = Static<typeof CodePart>;

const pointsToFile = {
  /** Id of an attachment of the conversation or of the project around it; absent when the bytes are not at hand. */
  attachment_id: Maybe(Identifier),
  /** Where the source product keeps it, also when nobody else can open it (`sediment://file_0123`). */
  uri: Maybe(Uri),
  name: Maybe(Name),
  media_type: Maybe(MediaType),
  size_bytes: Maybe(Count),
};

/** A picture. At least one of `attachment_id` and `uri` says where it is, unless the picture is lost. */
export const ImagePart = Type.Object({
  type: Type.Literal('image'),
  ...pointsToFile,
  /** What the picture shows, in words. */
  alt: Maybe(Text),
  width: Maybe(Count),
  height: Maybe(Count),
  metadata: Metadata,
});
export type ImagePart = Static<typeof ImagePart>;

/** Any other file: a document, sound, video. */
export const FilePart = Type.Object({
  type: Type.Literal('file'),
  ...pointsToFile,
  /** Text taken out of the file by the source product, as the model saw it. */
  extracted_text: Maybe(Text),
  metadata: Metadata,
});
export type FilePart = Static<typeof FilePart>;

/** A model asks for a tool. */
export const ToolCallPart = Type.Object({
  type: Type.Literal('tool_call'),
  /** Joins the call with its result. */
  call_id: Maybe(Identifier),
  name: Name,
  /** Any JSON value; a string when the source product kept unparsed text. */
  arguments: Type.Optional(Type.Unknown()),
  metadata: Metadata,
});
export type ToolCallPart = Static<typeof ToolCallPart>;

/** What a tool answered: any JSON as `output`, or parts as `content` (text, images), or both. */
export const ToolResultPart = Type.Object({
  type: Type.Literal('tool_result'),
  call_id: Maybe(Identifier),
  name: Maybe(Name),
  output: Type.Optional(Type.Unknown()),
  /** Parts of the types above; not looked into by the validator, so that nesting stays flat. */
  content: Maybe(
    Type.Array(Type.Object({ type: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }) }), {
      maxItems: DOCUMENT_LIMITS.maxParts,
    }),
  ),
  is_error: Maybe(Type.Boolean()),
  metadata: Metadata,
});
export type ToolResultPart = Static<typeof ToolResultPart>;

/** What a model wrote for itself before the answer. */
export const ThinkingPart = Type.Object({
  type: Type.Literal('thinking'),
  text: Text,
  /** A short form the source product showed instead. */
  summary: Maybe(Text),
  duration_ms: Maybe(Type.Number({ minimum: 0 })),
  metadata: Metadata,
});
export type ThinkingPart = Static<typeof ThinkingPart>;

/** A source behind an answer. */
export const CitationPart = Type.Object({
  type: Type.Literal('citation'),
  title: Maybe(Text),
  uri: Maybe(Uri),
  /** The cited passage or a snippet of it. */
  text: Maybe(Text),
  attachment_id: Maybe(Identifier),
  /** Which part of the same message it supports (index in `content`), and which UTF-16 units of its text. */
  part_index: Maybe(Count),
  start: Maybe(Count),
  end: Maybe(Count),
  metadata: Metadata,
});
export type CitationPart = Static<typeof CitationPart>;

/** The part types this version knows, by their name on the wire. */
export const KNOWN_PARTS = {
  text: TextPart,
  code: CodePart,
  image: ImagePart,
  file: FilePart,
  tool_call: ToolCallPart,
  tool_result: ToolResultPart,
  thinking: ThinkingPart,
  citation: CitationPart,
} as const;
export type KnownPartType = keyof typeof KNOWN_PARTS;
export const KNOWN_PART_TYPES: readonly KnownPartType[] = [
  'text',
  'code',
  'image',
  'file',
  'tool_call',
  'tool_result',
  'thinking',
  'citation',
];

/** A part of a later version or of another program: anything with a type of its own, kept untouched. */
export const UnknownPart = Type.Object({
  type: Type.String({
    minLength: 1,
    maxLength: DOCUMENT_LIMITS.maxNameLength,
    not: { enum: [...KNOWN_PART_TYPES] },
  }),
});
export type UnknownPart = Static<typeof UnknownPart> & { readonly [field: string]: unknown };

export const ContentPart = Type.Union([
  TextPart,
  CodePart,
  ImagePart,
  FilePart,
  ToolCallPart,
  ToolResultPart,
  ThinkingPart,
  CitationPart,
  UnknownPart,
]);
export type KnownPart =
  TextPart | CodePart | ImagePart | FilePart | ToolCallPart | ToolResultPart | ThinkingPart | CitationPart;
/** Use `isPart` to tell them apart: an unknown part's `type` is any string, so comparing `type` narrows nothing. */
export type ContentPart = KnownPart | Static<typeof UnknownPart>;

/** Whether a part is of a known type. True only for checked documents, where a known type implies its fields. */
export function isPart<Kind extends KnownPartType>(
  part: ContentPart,
  kind: Kind,
): part is Extract<KnownPart, { type: Kind }> {
  return part.type === kind;
}

export const Content = Type.Array(ContentPart, { maxItems: DOCUMENT_LIMITS.maxParts });
