import type { RawData, WebSocket } from 'ws';
import type { EphemeralKey } from '../../keys/link-keys';
import { parseShallowJson } from '../../protocol/documents/shallow-json';
import { frameOpener, frameSealer } from '../../keys/sealed-frames';
import { REMOTE_LIMITS, sealingKey, type RemoteRole } from './remote-protocol';

/** JSON over a WebSocket whose messages only the two ends of one greeting can make or read. */
export interface SealedLine {
  send(message: unknown): void;
  /** The next message as JSON, or null for anything forged, repeated or left out: then the line is of no use any more. */
  open(data: RawData): unknown;
}

/** @returns null where the other's key gives no secret */
export function sealLine(
  socket: WebSocket,
  own: { readonly ephemeral: EphemeralKey; readonly role: RemoteRole },
  otherEphemeral: string,
  transcript: string,
): SealedLine | null {
  const shared = own.ephemeral.agree(otherEphemeral);
  if (shared === null) return null;
  const other: RemoteRole = own.role === 'host' ? 'controller' : 'host';
  const seal = frameSealer(sealingKey(shared, transcript, own.role));
  const unseal = frameOpener(sealingKey(shared, transcript, other));
  return {
    send: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(seal(Buffer.from(JSON.stringify(message), 'utf8')));
    },
    open: (data) => {
      const frame = unseal(data as Buffer);
      return frame === null ? null : readJson(frame);
    },
  };
}

/** A message of the greeting; null for what is no JSON, too long or nested too deeply. */
export function readJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength > REMOTE_LIMITS.maxMessageBytes) return null;
  try {
    return parseShallowJson(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
}
