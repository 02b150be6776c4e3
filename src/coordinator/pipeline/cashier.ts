import { randomUUID } from 'node:crypto';
import { countRequestFlops } from '../../protocol/compute/flops';
import type { Precision } from '../../protocol/compute/formulas';
import { formatGft, type MicroGft } from '../../protocol/compute/micro-gft';
import type { ModelShape } from '../../protocol/compute/model';
import { success } from '../../protocol/result';
import type { PipelineHop } from '../../protocol/wire/messages';
import { timestampOf, type Clock } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { Holds, RENEW_EVERY_MS } from '../ledger/holds';
import { entryOfRow, type LedgerDraft } from '../ledger/ledger-entry';
import { OverdraftError, tokenExpiry, type LedgerStore, type WrittenEntry } from '../ledger/ledger-store';
import { affordableTokens, estimatedPrice, maximumPrice } from '../ledger/pricing';
import { settlementDrafts, type DeliveredWork } from '../ledger/settlement';
import type { NodeNotifications } from '../notifications';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { StorageError } from '../storage/storage-error';

/** GFT set aside for one request. */
export interface Hold {
  readonly amountMicroGft: MicroGft;
  release(): Promise<void>;
}

/** What a request's settlement led to; nulls in tokenless mode and when nothing was produced. */
export interface Settled {
  readonly priceMicroGft: MicroGft;
  readonly balanceMicroGft: MicroGft | null;
  readonly ledgerRef: string | null;
  readonly confirmedAt: string | null;
}

/** The parts of a request that price and record it. */
export interface PricedRequest {
  readonly nodeId: string;
  readonly requestId: string;
  readonly modelId: string;
  readonly maxNewTokens: number;
  readonly precision: Precision;
  readonly sessionId?: string | undefined;
  readonly participantId?: string | undefined;
}

export interface RequestEnd {
  readonly reason: 'stop' | 'length' | 'cancelled';
  readonly pipeline: readonly PipelineHop[];
  readonly startedAtMs: number;
  readonly hold: Hold;
}

type TokenCounts = Pick<DeliveredWork, 'inputTokens' | 'outputTokens'>;
const NO_BILL = { priceMicroGft: 0, drafts: [] } as const;

const ANSWERED = refuse('request-id-used', 'A request with this id was answered already.');
const RUNNING = refuse('request-id-used', 'A request with this id is running already.');
const REDEEMED = refuse('request-id-used', 'GFT were redeemed for a request with this id already.');

const FREE: Hold = { amountMicroGft: 0, release: () => Promise.resolve() };

/**
 * Money of requests: sets aside before the work, settles after it. Reading a balance, setting aside and settling are
 * transactions, which take turns across all replicas, so that concurrent requests can never spend the same GFT twice.
 */
export class Cashier {
  private readonly holds: Holds;
  private renewing: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerStore,
    private readonly notifications: NodeNotifications,
    private readonly config: Pick<CoordinatorConfig, 'tokenEconomy'>,
    private readonly clock: Clock,
    holder = randomUUID(),
  ) {
    this.holds = new Holds(database, clock, holder);
  }

  /** Renews what is set aside for as long as this process lives. `isAlone`: nobody else can have set anything aside. */
  async start(isAlone: boolean, failed: (thrown: unknown) => void): Promise<void> {
    if (isAlone) await this.holds.clear();
    this.renewing = setInterval(() => void this.holds.renew().catch(failed), RENEW_EVERY_MS);
  }

  stop(): void {
    if (this.renewing !== null) clearInterval(this.renewing);
  }

  /** Sets the most a request can cost aside. Fails with `request-id-used` or `balance-too-low`. */
  hold(request: PricedRequest, shape: ModelShape, maximumInput: number): Promise<CoordinatorResult<Hold>> {
    const needed = maximumPrice(shape, maximumInput, request.maxNewTokens, request.precision);
    return this.setAside(request, needed, (amounts) => this.tooLow(request, shape, maximumInput, amounts));
  }

  /** Sets a given price aside. Fails as `hold` does. */
  holdPrice(request: PricedRequest, needed: MicroGft): Promise<CoordinatorResult<Hold>> {
    return this.setAside(request, needed, ({ balance, held }) =>
      refuse(
        'balance-too-low',
        `The request may cost up to ${formatGft(needed)} GFT; ${formatGft(balance - held)} GFT are available.`,
        { suggestion: 'Ask for fewer new tokens, or contribute to earn GFT.' },
      ),
    );
  }

  private async setAside(
    request: PricedRequest,
    needed: MicroGft,
    tooLow: (amounts: { balance: MicroGft; held: MicroGft; needed: MicroGft }) => ReturnType<typeof refuse>,
  ): Promise<CoordinatorResult<Hold>> {
    const { nodeId, requestId } = request;
    if (!this.config.tokenEconomy) return (await this.isAnswered(nodeId, requestId)) ? ANSWERED : success(FREE);
    const refused = await this.database.transaction().execute(async (transaction) => {
      // In here, because an answer that ends meanwhile gives its hold back, and one of no tokens leaves no entry.
      if (await this.isAnswered(nodeId, requestId, transaction)) return ANSWERED;
      if ((await this.ledger.redemptionOf(nodeId, requestId, transaction)) !== undefined) return REDEEMED;
      const balance = await this.ledger.balanceOf(nodeId, transaction);
      const held = await this.holds.heldFor(nodeId, transaction);
      if (balance - held < needed) return tooLow({ balance, held, needed });
      const isPlaced = await this.holds.place(transaction, nodeId, requestId, needed);
      return isPlaced ? null : RUNNING;
    });
    if (refused !== null) return refused;
    this.holds.keep(nodeId, requestId);
    // While the database is away nothing can be given back; the hold lapses by itself then.
    const release = (): Promise<void> => this.holds.release(nodeId, requestId).catch(() => undefined);
    return success({ amountMicroGft: needed, release });
  }

  /**
   * Writes the request and all its ledger entries in one transaction, then gives the hold back.
   *
   * @param alongside - writes what belongs to it in the same transaction, given the redemption's id
   */
  async settle(
    request: PricedRequest,
    work: DeliveredWork,
    end: RequestEnd,
    alongside?: (transaction: DatabaseTransaction, ledgerRef: string | null) => Promise<void>,
  ): Promise<CoordinatorResult<Settled>> {
    const bill = this.config.tokenEconomy
      ? settlementDrafts(work, end.hold.amountMicroGft, tokenExpiry(this.clock.nowMs()))
      : NO_BILL;
    return this.write(request, work, bill, end, alongside);
  }

  /** Writes a request that nobody here earned anything with, at a price of its own; never more than was held. */
  settlePrice(
    request: PricedRequest,
    priced: TokenCounts & { readonly priceMicroGft: MicroGft; readonly note: string },
    end: RequestEnd,
  ): Promise<CoordinatorResult<Settled>> {
    const priceMicroGft = Math.min(end.hold.amountMicroGft, priced.priceMicroGft);
    const charge: LedgerDraft = {
      eventType: 'redemption',
      nodeId: request.nodeId,
      amountMicroGft: priceMicroGft === 0 ? 0 : -priceMicroGft,
      inferenceRequestId: request.requestId,
      reason: priced.note,
    };
    const isCharged = this.config.tokenEconomy && priced.outputTokens > 0;
    return this.write(request, priced, isCharged ? { priceMicroGft, drafts: [charge] } : NO_BILL, end);
  }

  private async write(
    request: PricedRequest,
    work: TokenCounts,
    { priceMicroGft, drafts }: { readonly priceMicroGft: MicroGft; readonly drafts: readonly LedgerDraft[] },
    end: RequestEnd,
    alongside?: (transaction: DatabaseTransaction, ledgerRef: string | null) => Promise<void>,
  ): Promise<CoordinatorResult<Settled>> {
    try {
      const written = await this.database.transaction().execute(async (transaction) => {
        const entries = drafts.length === 0 ? [] : await this.ledger.append(transaction, drafts);
        await transaction
          .insertInto('requests')
          .values({
            node_id: request.nodeId,
            request_id: request.requestId,
            model_id: request.modelId,
            status: end.reason === 'cancelled' ? 'cancelled' : 'finished',
            finish_reason: end.reason,
            input_tokens: work.inputTokens,
            output_tokens: work.outputTokens,
            charged_micro_gft: priceMicroGft,
            ledger_ref: entries[0]?.entry.id ?? null,
            pipeline_json: JSON.stringify(end.pipeline),
            session_id: request.sessionId ?? null,
            participant_id: request.participantId ?? null,
            started_at: timestampOf(end.startedAtMs),
            finished_at: timestampOf(this.clock.nowMs()),
          })
          .execute();
        await this.holds.release(request.nodeId, request.requestId, transaction);
        await alongside?.(transaction, entries[0]?.entry.id ?? null);
        return entries;
      });
      this.announce(written);
      const [redemption] = written;
      return success({
        priceMicroGft,
        balanceMicroGft: this.config.tokenEconomy ? await this.ledger.balanceOf(request.nodeId) : null,
        ledgerRef: redemption?.entry.id ?? null,
        confirmedAt: redemption?.entry.timestamp ?? null,
      });
    } catch (thrown) {
      // Only when this process was asleep for so long that its hold lapsed and was spent otherwise.
      if (thrown instanceof OverdraftError) return refuse('balance-too-low', 'What was set aside is gone.');
      if (thrown instanceof StorageError) return { ok: false, error: thrown.failure };
      throw thrown;
    }
  }

  /**
   * Pays the nodes for work that another coordinator pays for under an agreement: no balance here is charged.
   *
   * @param book - books the work in the same transaction, given the first issuance's id and the price by shapes; returns
   *   the reference of the booking. Not called when nothing was produced.
   */
  async settleForPeer(
    work: DeliveredWork,
    note: string,
    book: (transaction: DatabaseTransaction, ledgerRef: string | null, workMicroGft: MicroGft) => Promise<string>,
  ): Promise<CoordinatorResult<Settled>> {
    const expiresAt = tokenExpiry(this.clock.nowMs());
    const { priceMicroGft, drafts } = settlementDrafts(work, Number.MAX_SAFE_INTEGER, expiresAt);
    const issuances = this.config.tokenEconomy
      ? drafts.filter(({ eventType }) => eventType === 'issuance').map((draft) => ({ ...draft, reason: note }))
      : [];
    try {
      const bookedAs = await this.payForPeer(issuances, (transaction, ledgerRef) =>
        work.outputTokens === 0 ? Promise.resolve(null) : book(transaction, ledgerRef, priceMicroGft),
      );
      const confirmedAt = timestampOf(this.clock.nowMs());
      return success({ priceMicroGft, balanceMicroGft: null, ledgerRef: bookedAs, confirmedAt });
    } catch (thrown) {
      if (thrown instanceof StorageError) return { ok: false, error: thrown.failure };
      throw thrown;
    }
  }

  /** Pays nodes what `draftsOf` says for work a peer pays for; `book` books it in the same transaction. */
  async settleLayersForPeer(
    draftsOf: (expiresAt: string) => readonly LedgerDraft[],
    book: (transaction: DatabaseTransaction, ledgerRef: string | null) => Promise<void>,
  ): Promise<void> {
    const issuances = this.config.tokenEconomy ? draftsOf(tokenExpiry(this.clock.nowMs())) : [];
    await this.payForPeer(issuances, book);
  }

  private async payForPeer<Booked>(
    issuances: readonly LedgerDraft[],
    book: (transaction: DatabaseTransaction, ledgerRef: string | null) => Promise<Booked>,
  ): Promise<Booked> {
    const { written, booked } = await this.database.transaction().execute(async (transaction) => {
      const entries = await this.ledger.append(transaction, issuances);
      return { written: entries, booked: await book(transaction, entries[0]?.entry.id ?? null) };
    });
    this.announce(written);
    return booked;
  }

  /**
   * The baseline's direct redemption, priced by output tokens. The same one again, from a client that lost the answer,
   * gives the entry of the first. Fails with `balance-too-low`, or `request-id-used` where the id stands for anything else.
   */
  async redeem(
    nodeId: string,
    requestId: string,
    shape: ModelShape,
    outputTokens: number,
    precision: Precision,
  ): Promise<CoordinatorResult<WrittenEntry>> {
    const price = estimatedPrice(shape, outputTokens, precision);
    const entry: LedgerDraft = {
      eventType: 'redemption',
      nodeId,
      amountMicroGft: price === 0 ? 0 : -price,
      inferenceRequestId: requestId,
      flopsConsumed: countRequestFlops(shape, 1, outputTokens),
      reason: `Redeemed for ${outputTokens} output tokens`,
    };
    const redeemed = await this.database.transaction().execute(async (transaction) => {
      if (await this.isAnswered(nodeId, requestId, transaction)) return ANSWERED;
      if (await this.holds.isPlaced(nodeId, requestId, transaction)) return RUNNING;
      const balance = await this.ledger.balanceOf(nodeId, transaction);
      const earlier = await this.ledger.redemptionOf(nodeId, requestId, transaction);
      if (earlier !== undefined) {
        const isSame = earlier.amount_micro_gft === entry.amountMicroGft && earlier.reason === entry.reason;
        return isSame ? success({ earlier, balance }) : REDEEMED;
      }
      const available = balance - (await this.holds.heldFor(nodeId, transaction));
      if (available < price) {
        return refuse(
          'balance-too-low',
          `The balance is too low: ${formatGft(available)} GFT available, ${formatGft(price)} GFT required.`,
        );
      }
      return success({ written: await this.ledger.append(transaction, [entry]) });
    });
    if (!redeemed.ok) return redeemed;
    if ('earlier' in redeemed.value) {
      const { earlier, balance } = redeemed.value;
      return success({
        entry: entryOfRow(earlier),
        amountMicroGft: earlier.amount_micro_gft,
        balanceMicroGft: balance,
      });
    }
    const { written } = redeemed.value;
    this.announce(written);
    const [first] = written;
    if (first === undefined) throw new Error('one draft gives one entry');
    return success(first);
  }

  /** Takes GFT away for a reason that stands in the ledger, as far as it is not set aside. Fails with `balance-too-low`. */
  async penalize(nodeId: string, amountMicroGft: MicroGft, reason: string): Promise<CoordinatorResult<WrittenEntry>> {
    const [entry] = await this.takeAway(nodeId, 'penalty', reason, () => Promise.resolve(amountMicroGft));
    return entry === undefined
      ? refuse('balance-too-low', 'The balance is empty or set aside for running requests; nothing was taken.')
      : success(entry);
  }

  /** Lets GFT expire a year after it was issued. What is set aside for a running request stays until the next round. */
  async expireDue(nowMs: number): Promise<void> {
    if (!this.config.tokenEconomy) return;
    for (const nodeId of await this.ledger.holdersOfExpired(nowMs)) {
      await this.takeAway(nodeId, 'expiry', 'Not spent within its lifetime', (transaction) =>
        this.ledger.expiredOf(nodeId, nowMs, transaction),
      );
    }
  }

  /** Takes an amount, at most what is free; reading and writing are one transaction, so replicas cannot take it twice. */
  private async takeAway(
    nodeId: string,
    eventType: 'penalty' | 'expiry',
    reason: string,
    wanted: (transaction: DatabaseTransaction) => Promise<MicroGft>,
  ): Promise<WrittenEntry[]> {
    const written = await this.database.transaction().execute(async (transaction) => {
      const free = (await this.ledger.balanceOf(nodeId, transaction)) - (await this.holds.heldFor(nodeId, transaction));
      const amount = Math.min(free, await wanted(transaction));
      if (amount <= 0) return [];
      return this.ledger.append(transaction, [{ eventType, nodeId, amountMicroGft: -amount, reason }]);
    });
    this.announce(written);
    return written;
  }

  private async isAnswered(
    nodeId: string,
    requestId: string,
    source: Database | DatabaseTransaction = this.database,
  ): Promise<boolean> {
    const row = await source
      .selectFrom('requests')
      .select('request_id')
      .where('node_id', '=', nodeId)
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    return row !== undefined;
  }

  private tooLow(
    request: PricedRequest,
    shape: ModelShape,
    maximumInput: number,
    amounts: { balance: MicroGft; held: MicroGft; needed: MicroGft },
  ): ReturnType<typeof refuse> {
    const available = amounts.balance - amounts.held;
    const tokens = affordableTokens(shape, maximumInput, request.maxNewTokens, request.precision, available);
    const heldText = amounts.held > 0 ? `, ${formatGft(amounts.held)} GFT of it set aside for running requests` : '';
    return refuse(
      'balance-too-low',
      `The request may cost up to ${formatGft(amounts.needed)} GFT; the balance is ${formatGft(amounts.balance)} GFT${heldText}.`,
      {
        suggestion:
          tokens > 0
            ? `Ask for at most ${tokens} new tokens, or contribute to earn GFT.`
            : 'Contribute to earn GFT; not even one token of this request is covered.',
      },
    );
  }

  private announce(written: readonly WrittenEntry[]): void {
    for (const entry of written) {
      this.notifications.balance(entry.entry.node_id, {
        balanceMicroGft: entry.balanceMicroGft,
        amountMicroGft: entry.amountMicroGft,
        eventType: entry.entry.event_type,
        ledgerRef: entry.entry.id,
      });
    }
  }
}
