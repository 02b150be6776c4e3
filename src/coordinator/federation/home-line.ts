import { nodeCryptography } from '../../keys/ed25519';
import { signCredential, type SessionCostConfirmation } from '../../protocol/federation/session-credential';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import type { CarriedCall, SessionMessageOf } from '../../protocol/federation/session-messages';
import { failure, type Failure, type Result } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { timestampOf, type Clock } from '../clock';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';

/** A participant of this side, as the peer is told of them. */
export interface VouchedFor {
  readonly agreementId: string;
  readonly sessionId: string;
  readonly publicKey: string;
  readonly displayName: string;
}

interface Vouched extends VouchedFor {
  readonly expiresAtMs: number;
}

interface OpenCall {
  /** Of the participant who calls. */
  readonly vouchedKey: string;
  readonly settle: (result: Result<unknown>) => void;
  readonly timer: NodeJS.Timeout;
}

/** Nobody can ask the host now; the same may work later. */
export function hostAway(name: string): { readonly ok: false; readonly error: Failure } {
  return failure('peer-unavailable', `There is no link to ${name} now, which hosts this session.`, {
    retryable: true,
    suggestion: 'What you write is kept and gets its place when the link is back.',
  });
}

const vouchedKey = ({ sessionId, publicKey }: VouchedFor): string => `${sessionId} ${publicKey}`;

/** Calls of own people to the host at the other end of one link, and the credentials they are made under. */
export class HomeLine {
  private readonly open = new Map<number, OpenCall>();
  private readonly waiting: (() => void)[] = [];
  private readonly vouched = new Map<string, Vouched>();
  private lastId = 0;

  constructor(
    private readonly peer: Pick<Peer, 'name'>,
    private readonly link: Pick<SealedLink, 'stands' | 'send'>,
    private readonly signer: Signer,
    private readonly clock: Clock,
  ) {}

  /** Calls as a participant; fails with `peer-unavailable` when the link ends before the answer. */
  async call(
    who: VouchedFor,
    call: CarriedCall,
    confirmation: SessionCostConfirmation | null = null,
  ): Promise<Result<unknown>> {
    if (this.open.size >= SESSION_LINK_LIMITS.maxCallsAtOnce / 2) {
      if (this.waiting.length >= SESSION_LINK_LIMITS.maxCallsWaiting) {
        return failure('limit-reached', 'Too much waits for the link to the host.', { retryable: true });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    if (!this.link.stands) return hostAway(this.peer.name);
    this.vouch(who);
    const id = (this.lastId += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.settle(id, hostAway(this.peer.name)), SESSION_LINK_LIMITS.callTimeoutMs);
      timer.unref();
      this.open.set(id, { vouchedKey: vouchedKey(who), settle: resolve, timer });
      const draft = {
        type: 'session-call',
        call_id: id,
        public_key: who.publicKey,
        call,
        ...(confirmation === null ? {} : { confirmation: { ...confirmation } }),
      } as const;
      void this.link.send(draft).then((sent) => {
        if (!sent) this.settle(id, hostAway(this.peer.name));
      });
    });
  }

  signal(who: VouchedFor, signal: SessionMessageOf<'session-signal'>['signal']): void {
    this.vouch(who);
    void this.link.send({ type: 'session-signal', public_key: who.publicKey, signal });
  }

  take({ call_id: id, result }: SessionMessageOf<'session-reply'>): void {
    // The host has given the seat up; the next call brings a new credential.
    const call = this.open.get(id);
    if (call !== undefined && !result.ok && result.error.code === 'session-unvouched')
      this.vouched.delete(call.vouchedKey);
    this.settle(id, result);
  }

  /** The host did not take a credential; the next call brings a new one. */
  unvouched(sessionId: string): void {
    for (const [key, one] of this.vouched) if (one.sessionId === sessionId) this.vouched.delete(key);
  }

  /** Answers for the participants who are still there, before the time of their credentials is over. */
  renew(isThere: (who: VouchedFor) => boolean): void {
    for (const [key, one] of this.vouched) {
      if (isThere(one)) this.vouch(one);
      else if (one.expiresAtMs <= this.clock.nowMs()) this.vouched.delete(key);
    }
  }

  /** The link is gone. */
  end(): void {
    for (const id of this.open.keys()) this.settle(id, hostAway(this.peer.name));
    for (const wake of this.waiting.splice(0)) wake();
  }

  private vouch(who: VouchedFor): void {
    const nowMs = this.clock.nowMs();
    const key = vouchedKey(who);
    const before = this.vouched.get(key);
    const isFresh =
      before !== undefined &&
      before.displayName === who.displayName &&
      before.agreementId === who.agreementId &&
      before.expiresAtMs - nowMs > SESSION_LINK_LIMITS.renewBeforeMs;
    if (isFresh) return;
    const expiresAtMs = nowMs + SESSION_LINK_LIMITS.credentialMs;
    const credential = signCredential(
      {
        agreement_id: who.agreementId,
        session_id: who.sessionId,
        issued_by: this.signer.publicKey,
        public_key: who.publicKey,
        display_name: who.displayName,
        issued_at: timestampOf(nowMs),
        expires_at: timestampOf(expiresAtMs),
      },
      this.signer,
      nodeCryptography,
    );
    const { agreementId, sessionId, publicKey, displayName } = who;
    this.vouched.set(key, { agreementId, sessionId, publicKey, displayName, expiresAtMs });
    void this.link.send({ type: 'session-vouch', session_id: who.sessionId, credential: { ...credential } });
  }

  private settle(id: number, result: Result<unknown>): void {
    const call = this.open.get(id);
    if (call === undefined) return;
    this.open.delete(id);
    clearTimeout(call.timer);
    call.settle(result);
    this.waiting.shift()?.();
  }
}
