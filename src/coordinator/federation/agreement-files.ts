import { stat } from 'node:fs/promises';
import type { Peer } from './peer';
import { checkEarlierAgreement, readPeerAgreement, type PeerAgreement } from './peer-settings';
import type { PeerStore } from './peer-store';

/** A file that looked the same for so long is not being written any more; looks may follow each other at once. */
const SETTLED_AFTER_MS = 500;

/**
 * The agreements of peers over time. A renewed one, with an id of its own, is put in the file in the place of the old one
 * while the coordinator runs. The old one counts until it ends or is terminated: the other side may not have the new one
 * yet, and what was served under the old one is settled by its terms.
 */
export class AgreementFiles {
  /** What each file looked like at the last look and since when, and what it looked like when it was last read. */
  private readonly seen = new Map<Peer, { readonly mark: string; readonly sinceMs: number }>();
  private readonly readAs = new Map<Peer, string>();

  constructor(
    private readonly store: PeerStore,
    private readonly ownKey: string,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  /** Takes up what was read from the file of a peer at earlier times, behind what it has now. */
  async load(peer: Peer): Promise<void> {
    await this.store.keepAgreement(peer.publicKey, peer.settings.agreement);
    for (const earlier of await this.store.agreements(peer.publicKey)) {
      if (peer.agreement(earlier.id) !== undefined) continue;
      const checked = checkEarlierAgreement(earlier, peer, this.ownKey);
      // With another key of this coordinator it is nobody's here any more.
      if (checked.ok) peer.hold(checked.value, false);
      else this.noteRefusal(peer, 'agreement-unusable', checked.error.message);
    }
  }

  /**
   * Looks whether the file of a peer has changed; returns the renewed agreement. What cannot be used is told once. A file
   * that changed lately may still be written, so it is read at a later look.
   */
  async renewed(peer: Peer): Promise<PeerAgreement | null> {
    const mark = await markOf(peer.settings.agreementFile);
    const nowMs = performance.now();
    const seen = this.seen.get(peer);
    if (seen?.mark !== mark) this.seen.set(peer, { mark, sinceMs: nowMs });
    const isSettled = seen?.mark === mark && nowMs - seen.sinceMs >= SETTLED_AFTER_MS;
    if (!isSettled || this.readAs.get(peer) === mark) return null;
    // Before anything is waited for: another look may come meanwhile.
    this.readAs.set(peer, mark);
    const read = readPeerAgreement(peer.settings, this.ownKey);
    if ((await markOf(peer.settings.agreementFile)) !== mark) {
      // Somebody began to write between the look and the reading: half of a text says nothing.
      this.readAs.delete(peer);
      return null;
    }
    if (!read.ok) {
      this.noteRefusal(peer, 'agreement-unusable', read.error.message);
      return null;
    }
    const { agreement, agreementHash } = read.value;
    const known = peer.agreement(agreement.id);
    if (known === undefined) {
      await this.store.keepAgreement(peer.publicKey, agreement);
      return read.value;
    }
    if (known.agreementHash !== agreementHash) {
      const message = `The agreement ${agreement.id} has another text than before; a renewed one needs an id of its own.`;
      this.noteRefusal(peer, 'agreement-unusable', message);
    }
    return null;
  }
}

async function markOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    // Reading it says why.
    return 'unreadable';
  }
}
