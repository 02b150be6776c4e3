import type { Attachment } from '../documents/attachment';
import type { ModelReference } from '../documents/fields';
import { MessageTree } from './branches';
import { isPart, type ContentPart } from './content';
import type { Conversation, ConversationMessage, ParticipantRole } from './conversation';

/*
 * What a screen shows of a conversation: one branch, each part told by what there is to show of it, never as markup.
 * Lengths are bounded, because a screen that shows a text of a megabyte is of no use to anybody.
 */

export const READING_LIMITS = {
  /** Characters of one text shown; the whole of it is in the exported file. */
  maxTextLength: 200_000,
  /** Characters of tool arguments and results, which are JSON. */
  maxJsonLength: 50_000,
  maxNameLength: 300,
  /** Parts of one message. */
  maxParts: 500,
} as const;

/** Where the bytes of an image or a file are. */
export type FilePlace =
  /** In the library, under this SHA-256. */
  | { readonly kind: 'stored'; readonly sha256: string }
  /** Elsewhere; fetched only when a person asks for it. */
  | { readonly kind: 'reference'; readonly attachmentId: string; readonly uri: string; readonly sizeBytes: number }
  /** The source product names it and nobody has it. */
  | { readonly kind: 'missing'; readonly uri: string | null };

interface FileFacts {
  readonly name: string;
  readonly mediaType: string | null;
  readonly sizeBytes: number | null;
  readonly place: FilePlace;
}

/** One part as it is shown. */
export type PartView =
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly format: 'markdown' | 'plain';
      /** Characters that were left out at the end. */
      readonly cut: number;
    }
  | { readonly kind: 'code'; readonly code: string; readonly language: string | null; readonly cut: number }
  | ({ readonly kind: 'image'; readonly alt: string } & FileFacts)
  | ({ readonly kind: 'file'; readonly text: string | null } & FileFacts)
  | { readonly kind: 'thinking'; readonly text: string; readonly summary: string | null }
  | { readonly kind: 'tool-call'; readonly name: string; readonly json: string }
  | { readonly kind: 'tool-result'; readonly name: string | null; readonly json: string; readonly isError: boolean }
  | { readonly kind: 'citation'; readonly title: string; readonly uri: string | null; readonly text: string | null }
  /** A part of another program; its JSON is shown. */
  | { readonly kind: 'other'; readonly type: string; readonly json: string };

/** Which of the answers under one parent is shown. */
export interface BranchPlace {
  /** From 1. */
  readonly position: number;
  readonly count: number;
  readonly previousId: string | null;
  readonly nextId: string | null;
}

export interface ReadingMessage {
  readonly id: string;
  readonly role: ParticipantRole;
  readonly author: string | null;
  readonly model: string | null;
  readonly createdAt: string | null;
  /** The product did not show it. */
  readonly isHidden: boolean;
  readonly parts: readonly PartView[];
  readonly branch: BranchPlace;
}

/** One branch of a conversation, ready to be shown. */
export interface Reading {
  readonly id: string;
  readonly title: string;
  readonly platform: string;
  readonly model: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly head: string | null;
  readonly messages: readonly ReadingMessage[];
  /** Messages of all branches. */
  readonly messageCount: number;
  readonly handoff: Conversation['handoff'];
  readonly contextSnapshot: Conversation['context_snapshot'];
}

/** The name of a model, however it is referred to. */
export function modelNameOf(model: ModelReference | null | undefined): string | null {
  return typeof model === 'object' && model !== null ? model.model_id : (model ?? null);
}

function cutText(text: string, length: number): { readonly text: string; readonly cut: number } {
  return text.length <= length
    ? { text, cut: 0 }
    : { text: text.slice(0, length).replace(/[\ud800-\udbff]$/, ''), cut: text.length - length };
}

function cutName(text: string): string {
  return text.length <= READING_LIMITS.maxNameLength ? text : `${text.slice(0, READING_LIMITS.maxNameLength)}…`;
}

function jsonOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
  const { text: shown, cut } = cutText(text, READING_LIMITS.maxJsonLength);
  return cut === 0 ? shown : `${shown}…`;
}

function placeOf(attachment: Attachment | undefined, uri: string | null): FilePlace {
  if (attachment === undefined) return { kind: 'missing', uri };
  if (attachment.storage === 'inline') return { kind: 'stored', sha256: attachment.checksum.value };
  return {
    kind: 'reference',
    attachmentId: attachment.id,
    uri: attachment.uri,
    sizeBytes: attachment.size_bytes,
  };
}

function fileFacts(
  part: {
    readonly attachment_id?: string | null;
    readonly uri?: string | null;
    readonly name?: string | null;
    readonly media_type?: string | null;
    readonly size_bytes?: number | null;
  },
  attachments: ReadonlyMap<string, Attachment>,
): FileFacts {
  const attachment = attachments.get(part.attachment_id ?? '');
  const uri = part.uri ?? null;
  return {
    name: cutName(part.name ?? attachment?.name ?? uri ?? 'file'),
    mediaType: part.media_type ?? attachment?.media_type ?? null,
    sizeBytes: part.size_bytes ?? attachment?.size_bytes ?? null,
    place: placeOf(attachment, uri === null ? null : cutName(uri)),
  };
}

/** What there is to show of a part. */
export function viewOfPart(part: ContentPart, attachments: ReadonlyMap<string, Attachment>): PartView {
  if (isPart(part, 'text')) {
    const { text, cut } = cutText(part.text, READING_LIMITS.maxTextLength);
    return { kind: 'text', text, cut, format: (part.format ?? 'markdown') === 'markdown' ? 'markdown' : 'plain' };
  }
  if (isPart(part, 'code')) {
    const { text: code, cut } = cutText(part.code, READING_LIMITS.maxTextLength);
    return { kind: 'code', code, cut, language: part.language ?? null };
  }
  if (isPart(part, 'image')) {
    const facts = fileFacts(part, attachments);
    return { kind: 'image', alt: cutName(part.alt ?? facts.name), ...facts };
  }
  if (isPart(part, 'file')) {
    const text = part.extracted_text ?? null;
    return {
      kind: 'file',
      text: text === null ? null : cutText(text, READING_LIMITS.maxJsonLength).text,
      ...fileFacts(part, attachments),
    };
  }
  if (isPart(part, 'thinking')) {
    const { text } = cutText(part.text, READING_LIMITS.maxTextLength);
    return { kind: 'thinking', text, summary: part.summary ?? null };
  }
  if (isPart(part, 'tool_call')) {
    return { kind: 'tool-call', name: cutName(part.name), json: jsonOf(part.arguments ?? {}) };
  }
  if (isPart(part, 'tool_result')) {
    return {
      kind: 'tool-result',
      name: part.name === null || part.name === undefined ? null : cutName(part.name),
      json: jsonOf(part.output ?? part.content ?? null),
      isError: part.is_error === true,
    };
  }
  if (isPart(part, 'citation')) {
    return {
      kind: 'citation',
      title: cutName(part.title ?? part.uri ?? ''),
      uri: part.uri ?? null,
      text: part.text === null || part.text === undefined ? null : cutText(part.text, 2_000).text,
    };
  }
  return { kind: 'other', type: cutName(part.type), json: jsonOf(part) };
}

/** The attachments of a conversation by their id. */
export function attachmentsById(conversation: Conversation): ReadonlyMap<string, Attachment> {
  return new Map((conversation.attachments ?? []).map((attachment) => [attachment.id, attachment]));
}

/** Which of its siblings a message is. */
export function branchPlaceOf(tree: MessageTree, message: ConversationMessage): BranchPlace {
  const siblings = tree.siblings(message);
  const index = siblings.findIndex(({ id }) => id === message.id);
  return {
    position: index + 1,
    count: siblings.length,
    previousId: siblings[index - 1]?.id ?? null,
    nextId: siblings[index + 1]?.id ?? null,
  };
}

/**
 * One branch of a conversation as it is shown.
 * @param through - a message the branch goes through; null is the branch the document says.
 */
export function readingOf(conversation: Conversation, through: string | null): Reading {
  const tree = new MessageTree(conversation);
  const isKnown = through !== null && tree.message(through) !== undefined;
  const branch = tree.branchTo(isKnown ? tree.leafUnder(through) : null);
  const participants = new Map(conversation.participants.map((participant) => [participant.id, participant]));
  const attachments = attachmentsById(conversation);
  return {
    id: conversation.id,
    title: conversation.title,
    platform: conversation.source.platform,
    model: modelNameOf(conversation.source.model),
    createdAt: conversation.created_at,
    updatedAt: conversation.updated_at,
    head: branch.at(-1)?.id ?? null,
    messages: branch.map((message) => {
      const author = participants.get(message.participant_id);
      return {
        id: message.id,
        role: author?.role ?? 'human',
        author: author?.name ?? null,
        model: modelNameOf(message.model ?? author?.model),
        createdAt: message.created_at ?? null,
        isHidden: message.metadata?.['hidden'] === true,
        parts: message.content.slice(0, READING_LIMITS.maxParts).map((part) => viewOfPart(part, attachments)),
        branch: branchPlaceOf(tree, message),
      };
    }),
    messageCount: conversation.messages.length,
    handoff: conversation.handoff,
    contextSnapshot: conversation.context_snapshot,
  };
}
