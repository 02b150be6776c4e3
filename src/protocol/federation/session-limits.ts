const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Limits of group sessions across the link of two coordinators. */
export const SESSION_LINK_LIMITS = {
  /** A home coordinator vouches for a participant for at most this long at a time. */
  maxCredentialMs: 60 * MINUTE_MS,
  /** Difference of two clocks that is forgiven in a credential. */
  maxClockDifferenceMs: 2 * MINUTE_MS,
  /** What this program issues, and how long before its end it issues the next. */
  credentialMs: 30 * MINUTE_MS,
  renewBeforeMs: 10 * MINUTE_MS,
  /** Participants of one peer with a credential at once, each counted for every session they are in. */
  maxGuests: 5_000,
  /** Calls one side has open at the other. */
  maxCallsAtOnce: 64,
  /** Calls that wait at home for one of these places. */
  maxCallsWaiting: 2_000,
  /** A call without an answer for this long has failed. */
  callTimeoutMs: 30 * SECOND_MS,
  /** Session messages of a link in one second, averaged over the burst: some hundred people who write and whose models stream. */
  messagesPerSecond: 1_000,
  burstMessages: 3_000,
  /** Bytes on their way to a peer after which it is told that it is behind, instead of being sent more. */
  maxBytesInFlight: 8 * 1024 * 1024,
  /** Bytes of what arrived of a session that wait at home for the database; what comes beyond is read again later. */
  maxBytesArrived: 8 * 1024 * 1024,
  /** Turns that wait at home for the link, of one participant in a session, and of all in it. */
  maxHeldTurnsPerParticipant: 500,
  maxHeldTurnsPerSession: 5_000,
  /** Bytes of all turns that wait for links. */
  maxHeldBytes: 256 * 1024 * 1024,
  /** A turn that was given back and that nobody has asked for is kept this long. */
  returnedTurnDays: 90,
  /** After an answer that says so, a waiting turn is sent again. */
  retryMs: SECOND_MS,
  /** A refusal of one kind is noted at most once in this time, so that a flood of them floods no record. */
  noteEveryMs: 5 * SECOND_MS,
} as const;
