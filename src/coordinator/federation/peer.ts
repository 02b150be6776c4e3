import { nodeCryptography } from '../../keys/ed25519';
import { settlementTermsOf, type SettlementTerms } from '../../protocol/federation/grant';
import { NEW_LINK, type LinkState } from '../../protocol/federation/link-state';
import type { FederationDraft } from '../../protocol/federation/messages';
import { agreementStanding } from '../../protocol/trust/agreement-standing';
import type { TerminationNotice } from '../../protocol/trust/termination';
import type { PeerAgreement, PeerSettings } from './peer-settings';
import type { LinkTraffic, SealedLink } from './sealed-link';

/** An agreement with a peer, and the notice that ends it. */
export interface HeldAgreement extends PeerAgreement {
  termination: TerminationNotice | null;
}

/** Whether an agreement lets anything happen now; else why not. */
export function barring({ agreement, termination }: HeldAgreement, nowMs: number): string | null {
  const standing = agreementStanding(agreement, termination === null ? [] : [termination], nowMs);
  const { effective_at: from, expires_at: to } = agreement.terms;
  switch (standing) {
    case 'in-force':
      return null;
    case 'not-yet':
      return `the agreement begins at ${from}`;
    case 'expired':
      return `the agreement ended at ${to ?? from}`;
    case 'terminated':
      return `the agreement was terminated at ${termination?.effective_at ?? from}`;
  }
}

/**
 * One peer and the link to it. Of several agreements with it, renewed ones beside those they renew, `settings` has the one
 * in use: that of the link that stands, else the one the next link is tried with first.
 */
export class Peer {
  state: LinkState = NEW_LINK;
  link: SealedLink | null = null;
  lastUpAt: string | null = null;
  /** How many agreements the other side has refused since a link stood; the next one is tried then. */
  refusedAgreements = 0;
  /**
   * Since when a newer agreement waits for a link under it, and for the end of what runs under an older one; null when none
   * does.
   */
  renewalSinceMs: number | null = null;
  /** Of all links since the start. */
  readonly traffic: LinkTraffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  readonly keyId: string;
  /** Newest first, by when they were read; never empty. */
  private readonly held: HeldAgreement[];
  private inUse: HeldAgreement;
  private current: PeerSettings;
  private newestInForce: HeldAgreement | null = null;

  constructor(settings: PeerSettings) {
    this.current = settings;
    this.keyId = nodeCryptography.keyIdOf(settings.publicKey);
    this.inUse = { ...settings, termination: null };
    this.held = [this.inUse];
  }

  get settings(): PeerSettings {
    return this.current;
  }

  get name(): string {
    return this.current.name;
  }

  get publicKey(): string {
    return this.current.publicKey;
  }

  get agreementId(): string {
    return this.current.agreement.id;
  }

  get termination(): TerminationNotice | null {
    return this.inUse.termination;
  }

  get agreements(): readonly HeldAgreement[] {
    return this.held;
  }

  agreement(id: string): HeldAgreement | undefined {
    return this.held.find(({ agreement }) => agreement.id === id);
  }

  /** Takes up an agreement beside those that are held; a renewed one comes first. */
  hold(agreement: PeerAgreement, isNewest: boolean): HeldAgreement {
    const added = { ...agreement, termination: null };
    if (isNewest) this.held.unshift(added);
    else this.held.push(added);
    return added;
  }

  /** Makes an agreement the one in use. */
  use(held: HeldAgreement): void {
    this.inUse = held;
    const { agreement, agreementHash, ownParty, peerParty } = held;
    this.current = { ...this.current, agreement, agreementHash, ownParty, peerParty };
  }

  /**
   * Agreements a link may stand under now, newest first. Where the newest is another than before, a link that stands
   * under an older one, or will because its greeting is under way, waits from now on to be changed over.
   */
  inForce(nowMs: number): HeldAgreement[] {
    const inForce = this.held.filter((one) => barring(one, nowMs) === null);
    const newest = inForce[0] ?? null;
    if (newest !== this.newestInForce) {
      this.newestInForce = newest;
      this.refusedAgreements = 0;
      this.renewalSinceMs = newest === null ? null : nowMs;
    }
    return inForce;
  }

  /** In what costs under one of the agreements are counted. */
  termsOf(agreementId: string): SettlementTerms {
    return settlementTermsOf((this.agreement(agreementId) ?? this.inUse).agreement);
  }

  /** Sends over the link that stands now; false without one. */
  send(draft: FederationDraft): Promise<boolean> {
    return this.link?.send(draft) ?? Promise.resolve(false);
  }
}
