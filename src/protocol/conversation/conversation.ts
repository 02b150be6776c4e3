import { Type, type Static } from 'typebox';
import { Attachments } from '../documents/attachment';
import { Count, Identifier, Maybe, Metadata, ModelReference, Name, Text, Timestamp } from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { Content } from './content';

/** Where a conversation was held. */
export const ConversationSource = Type.Object({
  /** `chatgpt`, `claude`, `tore-desktop`: any name. */
  platform: Name,
  model: Maybe(ModelReference),
  /** The conversation's id in that product, the key that keeps a second import from making a copy. */
  original_id: Maybe(Type.String({ maxLength: DOCUMENT_LIMITS.maxNameLength })),
  exported_at: Maybe(Timestamp),
});
export type ConversationSource = Static<typeof ConversationSource>;

export const ParticipantRole = Type.Union([
  Type.Literal('human'),
  Type.Literal('model'),
  Type.Literal('system'),
  Type.Literal('tool'),
]);
export type ParticipantRole = Static<typeof ParticipantRole>;

/** Somebody or something that speaks in a conversation. */
export const ConversationParticipant = Type.Object({
  id: Identifier,
  role: ParticipantRole,
  name: Maybe(Name),
  model: Maybe(ModelReference),
});
export type ConversationParticipant = Static<typeof ConversationParticipant>;

/** What a message cost, as far as the source product says. Further fields (`inference_cost`) are kept. */
export const MessageUsage = Type.Object({
  input_tokens: Maybe(Count),
  output_tokens: Maybe(Count),
});
export type MessageUsage = Static<typeof MessageUsage>;

/** One message of the tree. */
export const ConversationMessage = Type.Object({
  id: Identifier,
  /** The message this one answers; absent or `null` for a first message. Two messages of one parent are branches. */
  parent_id: Maybe(Identifier),
  participant_id: Identifier,
  created_at: Maybe(Timestamp),
  content: Content,
  /** The model that wrote it, when that is known more exactly than from the participant. */
  model: Maybe(ModelReference),
  usage: Maybe(MessageUsage),
  metadata: Metadata,
});
export type ConversationMessage = Static<typeof ConversationMessage>;

const HandoffSide = Type.Object({ platform: Name, model: Maybe(ModelReference) });

/** Why a conversation goes on elsewhere and what the receiver needs next. */
export const Handoff = Type.Object({
  from: HandoffSide,
  to: Maybe(HandoffSide),
  reason: Text,
  needs: Type.Array(Text, { maxItems: DOCUMENT_LIMITS.maxListEntries }),
  created_at: Timestamp,
  note: Maybe(Text),
});
export type Handoff = Static<typeof Handoff>;

const Entries = Type.Array(Text, { maxItems: DOCUMENT_LIMITS.maxListEntries });

/** Enough of a conversation to go on without reading all of it. */
export const ContextSnapshot = Type.Object({
  summary: Text,
  goals: Entries,
  decisions: Entries,
  open_questions: Entries,
  facts: Entries,
  constraints: Entries,
  /** The last message the snapshot covers, on the way from the first message to the head. */
  through_message_id: Identifier,
  created_at: Timestamp,
  /** Who drew it up: a model's name, `extraction rules`, a person's name. */
  created_by: Name,
});
export type ContextSnapshot = Static<typeof ContextSnapshot>;

/** One conversation that can be moved between products (tore-0005). */
export const Conversation = Type.Object({
  tore_spec: Type.Literal('tore-0005'),
  id: Identifier,
  title: Name,
  created_at: Timestamp,
  updated_at: Timestamp,
  source: ConversationSource,
  participants: Type.Array(ConversationParticipant, { maxItems: DOCUMENT_LIMITS.maxParticipants }),
  /** The whole tree in any order; we write parents before their children. */
  messages: Type.Array(ConversationMessage, { maxItems: DOCUMENT_LIMITS.maxMessages }),
  /** The message that ends the shown branch; absent: the last one in `messages`. */
  head: Maybe(Identifier),
  attachments: Maybe(Attachments),
  handoff: Maybe(Handoff),
  context_snapshot: Maybe(ContextSnapshot),
  metadata: Metadata,
});
export type Conversation = Static<typeof Conversation>;
