/** Limits of group sessions (tore-0003). Each bounds what one participant can make the host or the others hold or do. */
export const SESSION_LIMITS = {
  /** Characters of a session's title or a participant's name: a line of a list. */
  maxTitleLength: 200,
  maxDisplayNameLength: 100,
  /** Participants of one session, those who left counted: a lecture hall. */
  maxParticipants: 1_000,
  /** Bytes of all participants in JSON, so that they fit into one message beside a page of turns: a thousand with long names. */
  maxParticipantsBytes: 1_048_576,
  /** Sessions one key may own at one host. */
  maxOwnedSessions: 1_000,
  /** Open invitations of one session. */
  maxInvitations: 200,
  /** Times one invitation can be used. */
  maxInvitationUses: 1_000,
  /** An invitation ends at the latest after this long; a new one is made in a moment. */
  maxInvitationDays: 90,
  /** Bytes of one turn in JSON: a long answer, or a document of some hundred pages as text. */
  maxTurnBytes: 1_048_576,
  /**
   * Arrays and objects inside each other in one turn, and in the agreement of a session: half of what a document may have,
   * so that the messages, exports and projects they are put into stay within it.
   */
  maxDepth: 100,
  /** Bytes of one file in a turn, so that one fits with its base64; larger ones are fetched elsewhere. */
  maxFileBytes: 524_288,
  /** Parts of one turn. */
  maxParts: 64,
  /** Turns of one session. */
  maxTurns: 1_000_000,
  /** Bytes of all turns after which a session takes no more: with its participants it still fits into one document. */
  maxBytes: 251_658_240,
  /** Turns and their bytes in one page of catching up, so that a page fits into one message. */
  maxPageTurns: 200,
  maxPageBytes: 2_097_152,
  /** Turns one participant may post in a minute, answers of the model included; nobody writes faster, a flood does. */
  maxTurnsPerMinute: 600,
  /** Signs (typing, streamed pieces) one connection may send in a minute. */
  maxSignalsPerMinute: 6_000,
  /** Characters of one streamed piece, and of one streamed answer. */
  maxStreamPieceLength: 20_000,
  maxStreamLength: 500_000,
  /** Answers one participant may stream at once into one session. */
  maxStreams: 4,
  /** Sessions offered to one key in one list; the newest come first. */
  maxOffers: 200,
  /** Connections of one key as a participant: a computer at work, one at home, a laptop. */
  maxConnectionsPerKey: 8,
} as const;
