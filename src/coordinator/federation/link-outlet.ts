import type { FederationDraft } from '../../protocol/federation/messages';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import type { SealedLink } from './sealed-link';

/** What goes out over one link for sessions: counted, so that a peer that reads slowly fills no memory. */
export class LinkOutlet {
  private bytes = 0;

  constructor(
    readonly link: SealedLink,
    /** Something was sent, and there is room. */
    private readonly drained: () => void,
  ) {}

  get isFull(): boolean {
    return this.bytes > SESSION_LINK_LIMITS.maxBytesInFlight;
  }

  /** False when the link is gone or the message too large for it. */
  async send(draft: FederationDraft, sizeBytes: number): Promise<boolean> {
    this.bytes += sizeBytes;
    try {
      return await this.link.send(draft);
    } finally {
      this.bytes -= sizeBytes;
      if (this.bytes * 2 < SESSION_LINK_LIMITS.maxBytesInFlight) this.drained();
    }
  }
}

/** Counts messages of one peer. */
export class MessageBudget {
  private left: number = SESSION_LINK_LIMITS.burstMessages;
  private countedAtMs = 0;

  take(nowMs: number): boolean {
    const grown = ((nowMs - this.countedAtMs) / 1_000) * SESSION_LINK_LIMITS.messagesPerSecond;
    this.left = Math.min(SESSION_LINK_LIMITS.burstMessages, this.left + Math.max(0, grown));
    this.countedAtMs = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
