/** What the relay keeps for parties that are away. Each bounds what a stranger can make us store for somebody. */
export const RELAY_LIMITS = {
  /** Unread proposals one party may have waiting; more strangers at once are a flood. */
  maxWaitingProposals: 200,
  /** Handshakes one party may have open with one other: a second attempt is sensible, a tenth is not. */
  maxOpenPerPair: 5,
  /** Messages of one handshake that wait for one side. */
  maxWaitingPerHandshake: 200,
  /** Bytes of one handshake that wait for one side. */
  maxWaitingBytesPerHandshake: 8 * 1024 * 1024,
  /**
   * A message reaches the relay within a day of being written, so that nobody saves up a quota by writing messages with
   * old times.
   */
  maxMessageAgeMs: 86_400_000,
  /** An accepted handshake is kept this long after its last message, for renewals of its agreement. */
  keepAcceptedMs: 800 * 86_400_000,
  /** Bytes of messages in one answer. */
  maxPageBytes: 2 * 1024 * 1024,
} as const;
