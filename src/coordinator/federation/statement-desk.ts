import { nodeCryptography } from '../../keys/ed25519';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import type { FederationMessageOf } from '../../protocol/federation/messages';
import {
  checkStatementAgreement,
  differencesOf,
  readFederationStatement,
  signFederationStatement,
  statementOf,
  type FederationStatement,
  type ReadStatement,
  type StatementDifference,
} from '../../protocol/federation/statement';
import { toEpochMs } from '../../protocol/documents/time';
import { success } from '../../protocol/result';
import { refuseTrust, type TrustResult } from '../../protocol/trust/errors';
import type { Signer } from '../../protocol/signing/ed25519';
import { timestampOf, type Clock, type Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import type { Peer } from './peer';
import type { PeerAgreement } from './peer-settings';
import type { SettlementStore } from './settlement-store';
import type { KeptStatement, StatementStore } from './statement-store';

const DAY_MS = 86_400_000;
const ANSWER_MS = 30_000;
/** A day over is left in peace this long, so that clocks that differ a little do not part it differently. */
const SETTLE_MS = 60_000;
/** Shortest part of a day a statement is made of. */
const MIN_PERIOD_MS = 60_000;
/** Another attempt at a day whose statements differ. */
const RETRY_MS = 3_600_000;
/** Differences shown of one time; a person works through fewer. */
export const MAX_DIFFERENCES = 1_000;

/** A compared time. */
export interface Comparison {
  readonly from: string;
  readonly to: string;
  readonly equal: boolean;
  /** Signed by both where it was equal and final; else the own one. */
  readonly statement: FederationStatement;
  readonly theirs: FederationStatement | null;
  readonly differences: readonly StatementDifference[];
}

type Answer = FederationMessageOf<'statement-answer'>;

/** Whether a time is a day in UTC, or what is left of one that was halved, and halved again. Others could be made without end. */
function isDayOrPart(fromMs: number, toMs: number): boolean {
  let from = Math.floor(fromMs / DAY_MS) * DAY_MS;
  let to = from + DAY_MS;
  while (fromMs !== from || toMs !== to) {
    if (to - from < 2 * MIN_PERIOD_MS) return false;
    const middle = from + Math.floor((to - from) / 2);
    if (toMs <= middle) to = middle;
    else if (fromMs >= middle) from = middle;
    else return false;
  }
  return true;
}

/** Statements with peers: compared entry by entry, and signed by both once a day is over. */
export class StatementDesk {
  private readonly waiting = new Map<
    string,
    { readonly peer: Peer; readonly settle: (answer: Answer | null) => void }
  >();
  private readonly triedAtMs = new Map<string, number>();
  /** By peer and agreement: until when every entry is in a signed statement. */
  private readonly signedToMs = new Map<string, number>();
  private round: Promise<void> | null = null;

  constructor(
    private readonly store: SettlementStore,
    private readonly statements: StatementStore,
    private readonly signer: Signer,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  /** Makes what is due with everybody: of the two coordinators of a link, the one whose key comes first begins. */
  makeDue(peers: readonly Peer[]): void {
    this.round ??= this.make(peers)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'statements could not be made'))
      .finally(() => {
        this.round = null;
      });
  }

  settled(): Promise<void> {
    return this.round ?? Promise.resolve();
  }

  /** The link is gone: nobody answers any more. */
  dropAll(peer: Peer): void {
    for (const one of this.waiting.values()) if (one.peer === peer) one.settle(null);
  }

  /**
   * Compares a time with the peer, whose link must stand, under every agreement of that time; keeps what was found. Fails
   * with `peer-unavailable`.
   */
  async compare(peer: Peer, fromMs: number, toMs: number): Promise<CoordinatorResult<Comparison[]>> {
    const compared: Comparison[] = [];
    for (const held of peer.agreements) {
      const { effective_at: begins, expires_at: ends } = held.agreement.terms;
      const isOfThen = toEpochMs(begins) < toMs && (typeof ends !== 'string' || toEpochMs(ends) > fromMs);
      if (!isOfThen && held.agreement.id !== peer.agreementId) continue;
      const under = await this.compareUnder(peer, held, fromMs, toMs);
      if (!under.ok) return under;
      compared.push(...under.value);
    }
    return success(compared);
  }

  private async compareUnder(
    peer: Peer,
    held: PeerAgreement,
    fromMs: number,
    toMs: number,
  ): Promise<CoordinatorResult<Comparison[]>> {
    const count = await this.store.count(peer.publicKey, held.agreement.id, fromMs, toMs);
    if (count > FEDERATION_LIMITS.maxStatementEntries && toMs - fromMs >= 2 * MIN_PERIOD_MS) {
      const middle = fromMs + Math.floor((toMs - fromMs) / 2);
      const first = await this.compareUnder(peer, held, fromMs, middle);
      if (!first.ok) return first;
      const second = await this.compareUnder(peer, held, middle, toMs);
      return second.ok ? success([...first.value, ...second.value]) : second;
    }
    const isFinal = toMs <= this.clock.nowMs();
    const own = signFederationStatement(await this.own(peer, held, fromMs, toMs), this.signer, nodeCryptography);
    const answer = await this.ask(peer, own, isFinal);
    if (answer === null) {
      return refuse('peer-unavailable', `${peer.name} does not answer now.`, { retryable: true });
    }
    const read = this.readTheirs(peer, answer.statement);
    if (!read.ok) {
      this.noteRefusal(peer, 'statement-invalid', read.error.message);
      return refuse('peer-failed', `${peer.name} answered with an invalid statement: ${read.error.message}`);
    }
    const { statement: theirs, signedBy } = read.value;
    const differences = differencesOf(own.entries, theirs.entries).slice(0, MAX_DIFFERENCES);
    const isSame = answer.equal && theirs.id === own.id && theirs.from === own.from && theirs.to === own.to;
    const isSigned = isFinal && isSame && differences.length === 0 && signedBy.length === 2;
    const equal = isSame && differences.length === 0;
    if (isFinal) await this.keep(peer, isSigned ? theirs : own, isSigned ? null : theirs, fromMs, toMs);
    return success([
      {
        from: own.from,
        to: own.to,
        equal,
        statement: isSigned ? theirs : own,
        theirs: isSigned ? null : theirs,
        differences,
      },
    ]);
  }

  /** The peer has sent a statement: it is signed when it is right, else answered with the own one. */
  async take(peer: Peer, message: FederationMessageOf<'statement'>): Promise<void> {
    const read = this.readTheirs(peer, message.statement);
    if (!read.ok) return this.noteRefusal(peer, 'statement-invalid', read.error.message);
    const { statement: theirs, held } = read.value;
    const [fromMs, toMs] = [toEpochMs(theirs.from), toEpochMs(theirs.to)];
    if (!isDayOrPart(fromMs, toMs)) {
      return this.noteRefusal(peer, 'statement-invalid', 'A statement is of a day or a part of one.');
    }
    const count = await this.store.count(peer.publicKey, held.agreement.id, fromMs, toMs);
    if (count === 0 && toMs <= toEpochMs(held.agreement.terms.effective_at)) {
      return this.noteRefusal(peer, 'statement-invalid', 'The statement is of a time before its agreement.');
    }
    if (count > FEDERATION_LIMITS.maxStatementEntries) {
      return this.noteRefusal(peer, 'statement-invalid', 'The statement covers more entries than one may have.');
    }
    const own = await this.own(peer, held, fromMs, toMs, theirs);
    const isOver = toMs <= this.clock.nowMs() + SETTLE_MS;
    const equal = differencesOf(own.entries, theirs.entries).length === 0;
    const signed =
      equal && message.final && isOver
        ? signFederationStatement(theirs, this.signer, nodeCryptography)
        : signFederationStatement(own, this.signer, nodeCryptography);
    if (message.final && isOver) await this.keep(peer, signed, equal ? null : theirs, fromMs, toMs);
    void peer.send({ type: 'statement-answer', id: theirs.id, equal, statement: { ...signed } });
    return undefined;
  }

  takeAnswer(peer: Peer, answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (waiting?.peer === peer) waiting.settle(answer);
    else this.noteRefusal(peer, 'statement-unasked', 'An answer to a statement came that was not sent.');
  }

  /** What was kept, newest first; of one day, or of all. */
  kept(peer: Peer, limit: number, fromMs?: number): Promise<KeptStatement[]> {
    const day = fromMs === undefined ? {} : { fromMs, toMs: fromMs + DAY_MS };
    return this.statements.kept(peer.publicKey, { limit, ...day });
  }

  /** The own statement of a time, not signed; under the facts of the peer's when it answers one. */
  private async own(
    { publicKey }: Peer,
    { agreement, agreementHash }: PeerAgreement,
    fromMs: number,
    toMs: number,
    as?: FederationStatement,
  ): Promise<FederationStatement> {
    const of = { publicKey, agreementId: agreement.id };
    const entries = await this.store.entries(of, this.signer.publicKey, fromMs, toMs);
    return statementOf(
      {
        id: as?.id ?? this.random.uuid(),
        agreement_id: agreement.id,
        agreement_hash: agreementHash,
        coordinators: [this.signer.publicKey, publicKey],
        unit: agreement.terms.cost.unit,
        from: as?.from ?? timestampOf(fromMs),
        to: as?.to ?? timestampOf(toMs),
        issued_at: timestampOf(this.clock.nowMs()),
      },
      entries,
    );
  }

  private readTheirs(peer: Peer, value: unknown): TrustResult<ReadStatement & { readonly held: PeerAgreement }> {
    const read = readFederationStatement(value, nodeCryptography);
    if (!read.ok) return read;
    const { statement, signedBy } = read.value;
    const held = peer.agreement(statement.agreement_id);
    if (held === undefined) return refuseTrust('agreement-foreign', 'The statement is under another agreement.');
    const under = checkStatementAgreement(statement, held.agreement, nodeCryptography);
    if (!under.ok) return under;
    const both = [this.signer.publicKey, peer.publicKey];
    const isOurs = both.every((key) => statement.coordinators.includes(key)) && signedBy.includes(peer.publicKey);
    return isOurs
      ? success({ ...read.value, held })
      : refuseTrust('signature-wrong', 'The statement is not signed by the peer.');
  }

  private async ask(peer: Peer, statement: FederationStatement, final: boolean): Promise<Answer | null> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answer | null>((resolve) => {
        timer = setTimeout(() => resolve(null), ANSWER_MS);
        this.waiting.set(statement.id, { peer, settle: resolve });
        void peer.send({ type: 'statement', statement: { ...statement }, final }).then((isSent) => {
          if (!isSent) resolve(null);
        });
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(statement.id);
    }
  }

  private keep(
    peer: Peer,
    statement: FederationStatement,
    theirs: FederationStatement | null,
    fromMs: number,
    toMs: number,
  ): Promise<void> {
    return this.statements.keep(peer.publicKey, statement.agreement_id, { fromMs, toMs, statement, theirs });
  }

  private async make(peers: readonly Peer[]): Promise<void> {
    for (const peer of peers) {
      if (this.signer.publicKey > peer.publicKey) continue;
      for (const held of peer.agreements) await this.makeUnder(peer, held);
    }
  }

  /** Every day that is over and has entries under an agreement, from the first that is not signed. */
  private async makeUnder(peer: Peer, held: PeerAgreement): Promise<void> {
    const { id } = held.agreement;
    const lastMs = Math.floor((this.clock.nowMs() - SETTLE_MS) / DAY_MS) * DAY_MS;
    const key = `${peer.publicKey} ${id}`;
    let fromMs = await this.store.firstAt(peer.publicKey, id, this.signedToMs.get(key) ?? 0);
    let isGapless = true;
    while (fromMs !== null && fromMs < lastMs && peer.link !== null) {
      // That a later time is signed says nothing of the days before: the peer may have sent that one.
      const signedTo = await this.statements.signedTo(peer.publicKey, id, fromMs);
      if (signedTo !== null) {
        if (isGapless) this.signedToMs.set(key, signedTo);
        fromMs = await this.store.firstAt(peer.publicKey, id, signedTo);
        continue;
      }
      isGapless = false;
      const day = Math.floor(fromMs / DAY_MS) * DAY_MS;
      await this.makeDay(peer, held, day);
      fromMs = await this.store.firstAt(peer.publicKey, id, day + DAY_MS);
    }
  }

  private async makeDay(peer: Peer, held: PeerAgreement, day: number): Promise<void> {
    const key = `${peer.publicKey} ${held.agreement.id} ${day}`;
    const nowMs = this.clock.nowMs();
    if (nowMs - (this.triedAtMs.get(key) ?? -RETRY_MS) < RETRY_MS) return;
    this.triedAtMs.set(key, nowMs);
    const made = await this.compareUnder(peer, held, day, day + DAY_MS);
    if (!made.ok) this.triedAtMs.delete(key);
    else if (made.value.every(({ equal }) => equal)) this.triedAtMs.delete(key);
    else this.noteRefusal(peer, 'statement-differs', `The ledgers differ about ${timestampOf(day).slice(0, 10)}.`);
  }
}
