import type { Peer } from './peer';

const MAX_REMEMBERED = 2_000;

/** Hops that ended a while ago: what still comes about them was on its way, and is dropped quietly. */
export class EndedHops {
  private readonly ended = new Set<string>();

  add(peer: Peer, hopId: string): void {
    this.ended.add(`${peer.publicKey} ${hopId}`);
    for (const oldest of this.ended) {
      if (this.ended.size <= MAX_REMEMBERED) break;
      this.ended.delete(oldest);
    }
  }

  has(peer: Peer, hopId: string): boolean {
    return this.ended.has(`${peer.publicKey} ${hopId}`);
  }
}
