/** Why the coordinator closes a connection. Codes from 4400 on follow the meaning of the HTTP status of the same end. */
export const CLOSE_REASONS = {
  goingAway: { code: 1001, reason: 'the coordinator is shutting down' },
  badMessage: { code: 4400, reason: 'the message is not part of tore.v1' },
  notAuthenticated: { code: 4401, reason: 'the key was not proved' },
  notAllowed: { code: 4403, reason: 'this key may not come in' },
  badSubprotocol: { code: 4406, reason: 'the subprotocol tore.v1 is needed' },
  authenticationTimeout: { code: 4408, reason: 'the key was not proved in time' },
  replaced: { code: 4409, reason: 'replaced by a newer connection of the same key' },
  tooLarge: { code: 1009, reason: 'the message is too large' },
  tooManyCalls: { code: 4429, reason: 'too many unanswered calls' },
  tooManyConnections: { code: 4429, reason: 'too many connections' },
  addressFull: { code: 4429, reason: 'too many connections from this address; close some and come again' },
  tooSlow: { code: 4408, reason: 'the connection takes in data too slowly' },
  internal: { code: 1011, reason: 'an internal error' },
} as const;

export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** Bytes of UTF-8 a close frame has room for, beside its code (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

/** Adds what exactly was wrong, within the room of a close frame. */
export function withDetail(reason: CloseReason, detail: string): CloseReason {
  const text = Buffer.from(`${reason.reason}: ${detail}`, 'utf8').subarray(0, MAX_REASON_BYTES);
  return { code: reason.code, reason: text.toString('utf8').replace(/\uFFFD+$/u, '') };
}
