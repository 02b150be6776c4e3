/** Limits on what a coordinator can make this node hold. */
export const JOB_LIMITS = {
  /** Each holds a KV cache; the engine's memory budget usually ends sooner. */
  maxOpenRequests: 64,
  /** Steps of one request that may wait for their turn; coordinators send as many ahead as keep every node busy. */
  maxWaitingSteps: 8,
  /** Bytes of activations that wait in all requests together: a few of the largest, or a prefill of each. */
  maxWaitingBytes: 2 * 1024 ** 3,
} as const;

/** How often a node says that a long step still goes on. Coordinators wait several times as long for a sign of life. */
export const PROGRESS_EVERY_MS = 5_000;
