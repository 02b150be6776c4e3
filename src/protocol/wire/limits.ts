import { DOCUMENT_LIMITS } from '../documents/limits';

/** Limits of the WebSocket binding. Each bounds what a stranger can make us hold or do. */
export const WIRE_LIMITS = {
  /** A prefill of 2,048 positions at hidden 8,192 in fp32 is 64 MiB; larger ones are sent in parts. */
  maxFrameBytes: 64 * 1024 * 1024 + 64,
  /** JSON messages: a long chat fits, a flood does not. */
  maxTextBytes: 4 * 1024 * 1024,
  /** Arrays and objects inside each other in a message of a node or a participant. */
  maxDepth: DOCUMENT_LIMITS.maxDepth,
  /** The same in a message of a coordinator: what came over a link between coordinators is inside one of its own. */
  maxToldDepth: DOCUMENT_LIMITS.maxDepth + 20,
  /** Positions in one activation frame. */
  maxPositionsPerFrame: 16_384,
  maxHiddenSize: 65_536,
  /** Positions a request may reach; bounds every KV cache on its way. */
  maxPosition: 16_777_216,
  /** Nodes in one pipeline: no published model is worth cutting finer. */
  maxHops: 256,
  /** Token ids of one prompt; with the framing of JSON they fit into one message. */
  maxInputTokens: 262_144,
  /** Step numbers are 16 bits of a frame's header and begin again after the last. */
  maxStepNumber: 65_535,
  /** Guessed tokens one step may verify: beyond it hardly any guess comes true. */
  maxDraftTokens: 32,
  /** Unanswered calls on one connection. */
  maxPendingCalls: 256,
  /** Events kept for a connection that comes back. */
  maxReplayedEvents: 256,
} as const;

export const WEBSOCKET_SUBPROTOCOL = 'tore.v1';
export const WEBSOCKET_PATH = '/ws';
