const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Limits of records, handshakes and what is signed around them. Each bounds what a stranger can make us keep or do. */
export const TRUST_LIMITS = {
  /** Bytes of one discovery record in canonical JSON: some hundred capabilities with descriptions. */
  maxRecordBytes: 65_536,
  /** A record that nobody renews is gone after this time. */
  maxRecordLifetimeMs: 400 * DAY_MS,
  /** Records one key may have in an index at a time: one for each laboratory of an institute. */
  maxRecordsPerKey: 16,
  /** Bytes of one handshake message in canonical JSON: a challenge of some pages, or an agreement. */
  maxMessageBytes: 262_144,
  /** Characters of a question, an answer, a purpose. */
  maxTextLength: 60_000,
  /** Characters of a name, a title, a reason. */
  maxNameLength: 300,
  /** A handshake that is not finished by then expires. */
  maxHandshakeLifetimeMs: 180 * DAY_MS,
  /** How long a message may wait for its receiver. */
  maxMessageLifetimeMs: 180 * DAY_MS,
  /** Messages one side may write in one handshake, the agreements after it included. */
  maxMessagesPerSide: 2_000,
  /** Challenges one side may send in one handshake whatever the other's quota says; bounds the evidence. */
  maxChallengesPerSide: 200,
  /** Times a key may have been replaced along one chain. */
  maxKeyLinks: 32,
  /** Clocks of two computers that both set theirs differ less. */
  maxClockSkewMs: 10 * MINUTE_MS,
  /** A signed request to a coordinator is good for this long, so that a copy of it soon is not. */
  maxRequestAgeMs: 5 * MINUTE_MS,
  /** Tokens a compute challenge may ask for. */
  maxChallengeTokens: 2_048,
} as const;
