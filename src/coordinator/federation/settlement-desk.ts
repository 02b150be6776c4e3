import { nodeCryptography } from '../../keys/ed25519';
import { toWireGft } from '../../protocol/compute/micro-gft';
import type { Precision } from '../../protocol/compute/formulas';
import type { FinishReason, LayerRange } from '../../protocol/compute/model';
import { microAmount } from '../../protocol/federation/grant';
import {
  nextServerState,
  readReceipt,
  readSettlement,
  settlementProblem,
  signReceipt,
  signSettlement,
  takeSettlement,
  type FederationSettlement,
  type ServerState,
  type SettlementProblem,
} from '../../protocol/federation/settlement';
import type { Signer } from '../../protocol/signing/ed25519';
import { timestampOf, type Clock, type Random } from '../clock';
import { layersPrice, requestPrice } from '../ledger/pricing';
import type { Logger } from '../logger';
import type { DatabaseTransaction } from '../storage/database-schema';
import type { Peer } from './peer';
import type { EntryRow, SettlementStore } from './settlement-store';

/** What a served request came to. */
export interface ServedWork {
  /** Under which agreement it was asked for. */
  readonly agreementId: string;
  readonly requestId: string;
  readonly modelId: string;
  readonly precision: Precision;
  /** Of a hop; its positions are its input. */
  readonly layers?: LayerRange;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly finishReason: FinishReason;
  readonly workMicroGft: number;
}

/** Books a settlement in its transaction, given the entry of the own GFT ledger; for requests somebody still waits for. */
export type BookWith = (
  settlement: FederationSettlement,
  write: (transaction: DatabaseTransaction, ledgerRef: string | null) => Promise<void>,
) => Promise<string | null>;

/** What booking led to. */
export type Booking =
  | { readonly kind: 'booked'; readonly settlement: FederationSettlement; readonly entry: EntryRow }
  | { readonly kind: 'refused'; readonly problem: SettlementProblem };

/** Another booking of the same request came first; what was written with this one is undone. */
class BookedAlready extends Error {
  override readonly name = 'BookedAlready';
}

/** Settlements with peers, from both sides. */
export class SettlementDesk {
  constructor(
    private readonly store: SettlementStore,
    private readonly signer: Signer,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  /** Books what was served, in the transaction in which the nodes are paid, and owes the peer its settlement. */
  async bookServed(
    transaction: DatabaseTransaction,
    peer: Peer,
    work: ServedWork,
    ledgerRef: string | null,
  ): Promise<FederationSettlement> {
    const terms = peer.termsOf(work.agreementId);
    const settlement = signSettlement(
      {
        agreement_id: work.agreementId,
        request_id: work.requestId,
        served_by: this.signer.publicKey,
        served_for: peer.publicKey,
        model_id: work.modelId,
        precision: work.precision,
        ...(work.layers === undefined ? {} : { layers: work.layers }),
        input_tokens: work.inputTokens,
        output_tokens: work.outputTokens,
        finish_reason: work.finishReason,
        amount: toWireGft(microAmount(work.workMicroGft, terms)),
        unit: terms.unit,
        settled_at: timestampOf(this.clock.nowMs()),
        server_ref: this.random.uuid(),
      },
      this.signer,
      nodeCryptography,
    );
    const refs = { entryRef: settlement.server_ref, ledgerRef };
    await this.store.book(transaction, peer.publicKey, 'served', settlement, refs);
    await this.store.owe(transaction, peer.publicKey, work.requestId);
    return settlement;
  }

  /** Sends everything the peer has not signed for, oldest first. */
  async flush(peer: Peer): Promise<void> {
    let after: { position: number; requestId: string } | null = null;
    for (;;) {
      const owed = await this.store.owed(peer.publicKey, after);
      for (const { settlement } of owed) {
        if (!(await peer.send({ type: 'settlement', settlement: { ...settlement } }))) return;
      }
      const last = owed.at(-1);
      if (last === undefined) return;
      after = { position: last.position, requestId: last.requestId };
    }
  }

  /**
   * Books a settlement that came, once, and answers with the receipt, or with why it is refused.
   *
   * @param bookWith - charges whoever waits for the answer, in the same transaction; null when nobody does any more
   */
  async take(peer: Peer, value: unknown, bookWith: BookWith | null): Promise<Booking> {
    const read = readSettlement(value, nodeCryptography);
    if (!read.ok) {
      const problem = { code: 'settlement-foreign', message: read.error.message } as const;
      this.refuse(peer, '', problem);
      return { kind: 'refused', problem };
    }
    const settlement = read.value;
    const booking = await this.decide(peer, settlement, bookWith);
    if (booking.kind === 'refused') {
      this.refuse(peer, settlement.request_id, booking.problem);
      return booking;
    }
    const receipt = await this.store.receipt(peer.publicKey, settlement.request_id, 'consumed');
    if (receipt !== null) void peer.send({ type: 'settlement-receipt', receipt: { ...receipt } });
    return booking;
  }

  /** The peer has signed for a settlement. */
  async takeReceipt(peer: Peer, value: unknown): Promise<void> {
    const read = readReceipt(value, nodeCryptography);
    if (!read.ok) return this.noteRefusal(peer, 'receipt-invalid', read.error.message);
    const receipt = read.value;
    const entry = await this.store.entry(peer.publicKey, receipt.request_id, 'served');
    const fits =
      entry !== null &&
      receipt.served_for === peer.publicKey &&
      receipt.served_by === this.signer.publicKey &&
      receipt.agreement_id === entry.agreement_id &&
      receipt.server_ref === entry.entry_ref;
    if (!fits) return this.noteRefusal(peer, 'receipt-foreign', 'A receipt came for something that was not settled.');
    await this.store.database.transaction().execute(async (transaction) => {
      const before = await this.serverState(peer, receipt.request_id, transaction);
      const after = nextServerState(before, { kind: 'receipt', consumerRef: receipt.consumer_ref });
      if (after === before) return;
      await this.store.addReceipt(transaction, peer.publicKey, 'served', receipt);
      await this.store.clear(transaction, peer.publicKey, receipt.request_id);
    });
    return undefined;
  }

  private async serverState(peer: Peer, requestId: string, transaction: DatabaseTransaction): Promise<ServerState> {
    const receipt = await this.store.receipt(peer.publicKey, requestId, 'served', transaction);
    return receipt === null ? { kind: 'owed' } : { kind: 'acknowledged', consumerRef: receipt.consumer_ref };
  }

  /** The peer will not book a settlement; the difference shows in the next statement. */
  async takeRefusal(peer: Peer, requestId: string, reason: string): Promise<void> {
    await this.store.database.transaction().execute(async (transaction) => {
      const before = await this.serverState(peer, requestId, transaction);
      const after = nextServerState(before, { kind: 'refusal', reason });
      if (after.kind === 'refused') await this.store.noteRefused(transaction, peer.publicKey, requestId, reason);
    });
    this.noteRefusal(peer, 'settlement-refused-there', `Request ${requestId.slice(0, 60)}: ${reason}`);
  }

  private refuse(peer: Peer, requestId: string, problem: SettlementProblem): void {
    this.noteRefusal(peer, problem.code, problem.message);
    if (requestId === '') return;
    const { code, message } = problem;
    void peer.send({ type: 'settlement-refused', request_id: requestId, code, message: message.slice(0, 2_000) });
  }

  private async decide(peer: Peer, settlement: FederationSettlement, bookWith: BookWith | null): Promise<Booking> {
    const asked = await this.store.asked(peer.publicKey, settlement.request_id);
    const known = await this.store.entry(peer.publicKey, settlement.request_id, 'consumed');
    const act = takeSettlement(
      asked === null
        ? null
        : known === null
          ? { kind: 'asked' }
          : { kind: 'booked', serverRef: serverRefOf(known), amount: toWireGft(known.amount_micro) },
      settlement,
      asked === null
        ? null
        : settlementProblem(settlement, {
            agreementId: asked.agreementId,
            servedBy: peer.publicKey,
            servedFor: this.signer.publicKey,
            requestId: settlement.request_id,
            modelId: asked.modelId,
            maxInputTokens: asked.maxInputTokens,
            maxNewTokens: asked.maxNewTokens,
            terms: peer.termsOf(asked.agreementId),
            layers: asked.layers,
            work: (input, output, precision) =>
              asked.layers === null
                ? requestPrice(asked.shape, input, output, precision)
                : layersPrice(asked.shape, asked.layers.range, { positions: input, tokens: output }, precision),
          }),
    );
    if (act.kind === 'refuse') return { kind: 'refused', problem: act.problem };
    if (act.kind === 'repeat-receipt' && known !== null) return { kind: 'booked', settlement, entry: known };
    await this.bookConsumed(peer, settlement, bookWith);
    const entry = await this.store.entry(peer.publicKey, settlement.request_id, 'consumed');
    if (entry === null) throw new Error('what was booked is there');
    return { kind: 'booked', settlement, entry };
  }

  private async bookConsumed(peer: Peer, settlement: FederationSettlement, bookWith: BookWith | null): Promise<void> {
    const write = async (transaction: DatabaseTransaction, ledgerRef: string | null): Promise<void> => {
      const known = await this.store.entry(peer.publicKey, settlement.request_id, 'consumed', transaction);
      if (known !== null) throw new BookedAlready();
      const entryRef = this.random.uuid();
      await this.store.book(transaction, peer.publicKey, 'consumed', settlement, { entryRef, ledgerRef });
      const receipt = signReceipt(
        {
          agreement_id: settlement.agreement_id,
          request_id: settlement.request_id,
          served_by: settlement.served_by,
          served_for: settlement.served_for,
          server_ref: settlement.server_ref,
          consumer_ref: entryRef,
          booked_at: timestampOf(this.clock.nowMs()),
        },
        this.signer,
        nodeCryptography,
      );
      await this.store.addReceipt(transaction, peer.publicKey, 'consumed', receipt);
    };
    const alone = (): Promise<void> =>
      this.store.database.transaction().execute((transaction) => write(transaction, null));
    try {
      if (bookWith === null) await alone();
      // Whoever asked could not be charged: that is between them and this coordinator; the peer has served.
      else if ((await bookWith(settlement, write)) !== null) await alone();
    } catch (thrown) {
      if (!(thrown instanceof BookedAlready)) throw thrown;
      this.logger.info({ peer: peer.name }, 'a settlement came twice at once');
    }
  }
}

function serverRefOf(entry: EntryRow): string {
  return (JSON.parse(entry.settlement_json) as FederationSettlement).server_ref;
}
