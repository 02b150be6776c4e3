/**
 * Limits on what a document of the family may claim. A document comes from anywhere, so each bounds the memory and the
 * time a reader may be made to spend; none is near what people and programs really write.
 */
export const DOCUMENT_LIMITS = {
  /** Bytes of one document. The text of a larger one gets near the longest string a JavaScript engine can hold. */
  maxBytes: 268_435_456,
  /** Arrays and objects inside each other. Tool arguments are the deepest thing seen in real exports, below 40. */
  maxDepth: 200,
  /** Values (objects, arrays, strings, numbers, literals) in one document: what 256 MiB of real text holds at most. */
  maxValues: 20_000_000,
  /** Problems reported for one document: enough to see a pattern, few enough to read. */
  maxProblems: 20,
  /** Characters of an id. UUIDs have 36; ids kept from other products are longer. */
  maxIdLength: 200,
  /** Characters of a name, a title, a type or a media type. */
  maxNameLength: 10_000,
  /** Characters of a web address; data addresses belong into attachments. */
  maxUriLength: 20_000,
  /** Characters of one text: several times the longest context window of any published model. */
  maxTextLength: 33_554_432,
  /** Characters of base64 of one inline attachment, 120 MiB of content; larger files are attached by reference. */
  maxInlineDataLength: 167_772_160,
  /** Messages of a conversation or turns of a session, all branches counted: a century of one message each hour. */
  maxMessages: 1_000_000,
  /** Parts of one message. */
  maxParts: 10_000,
  maxParticipants: 10_000,
  maxAttachments: 100_000,
  /** Conversations or sessions of a project: the largest personal exports hold some tens of thousands. */
  maxConversations: 100_000,
  /** Entries of short lists: goals, facts, capabilities, endpoints, evidence, instructions. */
  maxListEntries: 10_000,
  /** Parties of an agreement. */
  maxParties: 1_000,
} as const;
