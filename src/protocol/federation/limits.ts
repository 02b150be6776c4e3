import { WIRE_LIMITS } from '../wire/limits';

const SECOND_MS = 1_000;

/** Where one coordinator connects to another, and what both then speak. */
export const FEDERATION_PATH = '/federation';
export const FEDERATION_SUBPROTOCOL = 'tore.v1.federation';

/** Limits of the link between coordinators. The peer is known by an agreement, and its program is still not trusted. */
export const FEDERATION_LIMITS = {
  /** The keys must be proved in this time. */
  greetingMs: 10 * SECOND_MS,
  /** A greeting is three keys, two signatures and some words. */
  maxGreetingBytes: 8_192,
  /** One sealed message: a long chat, or a statement of a full period. */
  maxMessageBytes: 4 * 1024 * 1024,
  /** Arrays and objects inside each other: a message of a participant is inside one of the link. */
  maxDepth: WIRE_LIMITS.maxDepth + 10,
  /** One activation frame: a chunk of 128 positions at hidden 16,384 in f32. */
  maxFrameBytes: 8 * 1024 * 1024 + 64,
  /** Sockets that have not proved a key yet. */
  maxGreetings: 32,
  /** Messages of a link in one second, averaged over the burst: tokens of a few hundred fast answers at once. */
  messagesPerSecond: 5_000,
  burstMessages: 10_000,
  /** Bytes waiting to leave after which the next message waits. */
  highWaterBytes: 1024 * 1024,
  /** Bytes waiting to leave after which the peer counts as stuck. */
  maxBufferedBytes: 64 * 1024 * 1024,
  /** Without any sign of life for this long a link is given up. */
  silenceMs: 30 * SECOND_MS,
  /** Models one side may offer. */
  maxModels: 1_000,
  /** Ranges of layers one side may offer, and those of one model among them. */
  maxOfferedLayers: 2_000,
  maxLayersOfModel: 128,
  /** Steps of a hop that may be under way. */
  maxHopSteps: 16,
  /** A hop that is given nothing to do for this long is ended. */
  hopIdleMs: 600 * SECOND_MS,
  /** While a hop works, its side gives a sign of life this often. */
  hopSignMs: 2 * SECOND_MS,
  /** Signed discovery records one side may send along. */
  maxRecords: 64,
  /** Entries of one statement; a period with more is cut in halves. */
  maxStatementEntries: 5_000,
  /** Requests one side may have under way at the other, whatever the agreement says. */
  maxRequestsAtOnce: 256,
  /** After a cancellation the other side has this long to send the end with its settlement. */
  endAfterCancelMs: 10 * SECOND_MS,
  /** A request at the other side of which neither a token nor its end comes for this long is given up. */
  answerSilenceMs: 1_800 * SECOND_MS,
  /** Characters of an answer that may wait for whoever asked. */
  maxWaitingCharacters: 16 * 1024 * 1024,
  /** Longest time between two attempts to connect. */
  maxRetryMs: 60 * SECOND_MS,
} as const;
