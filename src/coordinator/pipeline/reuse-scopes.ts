import { createHmac } from 'node:crypto';
import type { Clock, Random } from '../clock';

const KEY_BYTES = 32;
const DAY_MS = 86_400_000;

/** Who asks. */
interface Requester {
  readonly nodeId: string;
  readonly sessionId?: string | undefined;
  readonly participantId?: string | undefined;
  /** Given where another coordinator pays. */
  readonly account?: unknown;
}

/**
 * Names that stand for requesters towards nodes, so that a node may reuse what it computed for an earlier request of the
 * same one, and of nobody else: how fast an answer begins tells nothing of other people's prompts. Nobody can work out
 * whose a name is, and names change every day and with each start of the coordinator.
 */
export class ReuseScopes {
  private readonly key: Uint8Array;

  constructor(
    random: Random,
    private readonly clock: Clock,
  ) {
    this.key = random.bytes(KEY_BYTES);
  }

  /** Null for requests of another coordinator, whose requesters are not known here. */
  of({ nodeId, sessionId, participantId, account }: Requester): string | null {
    if (account !== undefined) return null;
    const day = Math.floor(this.clock.nowMs() / DAY_MS);
    // Participants of a session ask through one node; each is a requester.
    const who = JSON.stringify([day, nodeId, sessionId ?? null, participantId ?? null]);
    return createHmac('sha256', this.key).update(who).digest('base64url');
  }
}
