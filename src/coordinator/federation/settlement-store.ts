import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { ModelShape } from '../../protocol/compute/model';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { toEpochMs } from '../../protocol/documents/time';
import type { FederationReceipt, FederationSettlement, HopLayers } from '../../protocol/federation/settlement';
import type { StatementEntry } from '../../protocol/federation/statement';
import { toMicroGft } from '../../protocol/compute/micro-gft';
import { timestampOf, type Clock } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import type { FederationTables } from './federation-tables';

export type EntryRow = Selectable<FederationTables['federation_entries']>;
export type EntryRole = EntryRow['role'];

/** A request made at a peer, as it was before it was sent. */
export interface AskedRow {
  readonly agreementId: string;
  readonly nodeId: string;
  readonly modelId: string;
  readonly maxInputTokens: number;
  readonly maxNewTokens: number;
  readonly shape: ModelShape;
  /** Of a hop, whose positions count as input; null for a whole request. */
  readonly layers: HopLayers | null;
}

/** Rows of one page of entries and of one sending of the outbox. */
const PAGE_ROWS = 500;

/** Entries, receipts and the outbox: what was settled with peers. Writing is always within the caller's transaction. */
export class SettlementStore {
  constructor(
    readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Written before a request leaves, so that its settlement is known even after a crash. */
  async noteAsked(peerKey: string, requestId: string, asked: AskedRow): Promise<void> {
    await this.database
      .insertInto('federation_requests')
      .values({
        peer_key: peerKey,
        request_id: requestId,
        agreement_id: asked.agreementId,
        node_id: asked.nodeId,
        model_id: asked.modelId,
        max_input_tokens: asked.maxInputTokens,
        max_new_tokens: asked.maxNewTokens,
        shape_json: JSON.stringify(asked.shape),
        layers_json: asked.layers === null ? null : JSON.stringify(asked.layers),
        asked_at: timestampOf(this.clock.nowMs()),
      })
      .execute();
  }

  async asked(peerKey: string, requestId: string): Promise<AskedRow | null> {
    const row = await this.database
      .selectFrom('federation_requests')
      .selectAll()
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    if (row === undefined) return null;
    return {
      agreementId: row.agreement_id,
      nodeId: row.node_id,
      modelId: row.model_id,
      maxInputTokens: row.max_input_tokens,
      maxNewTokens: row.max_new_tokens,
      shape: JSON.parse(row.shape_json) as ModelShape,
      layers: row.layers_json === null ? null : (JSON.parse(row.layers_json) as HopLayers),
    };
  }

  /** Something that was asked has ended: no more can have been done than was sent to it, or came of it. */
  async noteSent(peerKey: string, requestId: string, sent: { positions: number; tokens: number }): Promise<void> {
    await this.database
      .updateTable('federation_requests')
      .set({ max_input_tokens: sent.positions, max_new_tokens: sent.tokens })
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .execute();
  }

  async entry(
    peerKey: string,
    requestId: string,
    role: EntryRole,
    source: Database | DatabaseTransaction = this.database,
  ): Promise<EntryRow | null> {
    const row = await source
      .selectFrom('federation_entries')
      .selectAll()
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .where('role', '=', role)
      .executeTakeFirst();
    return row ?? null;
  }

  /** Books a settlement on one side. */
  async book(
    transaction: DatabaseTransaction,
    peerKey: string,
    role: EntryRole,
    settlement: FederationSettlement,
    refs: { readonly entryRef: string; readonly ledgerRef: string | null },
  ): Promise<void> {
    await transaction
      .insertInto('federation_entries')
      .values({
        peer_key: peerKey,
        request_id: settlement.request_id,
        role,
        entry_ref: refs.entryRef,
        agreement_id: settlement.agreement_id,
        model_id: settlement.model_id,
        input_tokens: settlement.input_tokens,
        output_tokens: settlement.output_tokens,
        amount_micro: toMicroGft(settlement.amount),
        unit: settlement.unit,
        settled_at_ms: toEpochMs(settlement.settled_at),
        ledger_ref: refs.ledgerRef,
        settlement_json: JSON.stringify(settlement),
        booked_at: timestampOf(this.clock.nowMs()),
      })
      .execute();
  }

  /** Puts a booked settlement into the outbox. */
  async owe(transaction: DatabaseTransaction, peerKey: string, requestId: string): Promise<void> {
    await transaction
      .insertInto('federation_outbox')
      .values({ peer_key: peerKey, request_id: requestId, position: this.clock.nowMs(), refusal: null })
      .execute();
  }

  async addReceipt(
    transaction: DatabaseTransaction,
    peerKey: string,
    role: EntryRole,
    receipt: FederationReceipt,
  ): Promise<void> {
    await transaction
      .insertInto('federation_receipts')
      .values({
        peer_key: peerKey,
        request_id: receipt.request_id,
        role,
        consumer_ref: receipt.consumer_ref,
        receipt_json: JSON.stringify(receipt),
      })
      .execute();
  }

  async receipt(
    peerKey: string,
    requestId: string,
    role: EntryRole,
    source: Database | DatabaseTransaction = this.database,
  ): Promise<FederationReceipt | null> {
    const row = await source
      .selectFrom('federation_receipts')
      .select('receipt_json')
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .where('role', '=', role)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.receipt_json) as FederationReceipt);
  }

  /** Takes a settlement out of the outbox. */
  async clear(transaction: DatabaseTransaction, peerKey: string, requestId: string): Promise<void> {
    await transaction
      .deleteFrom('federation_outbox')
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .execute();
  }

  /** Notes that the peer will not book a settlement; it is not sent again by itself. */
  async noteRefused(
    transaction: DatabaseTransaction,
    peerKey: string,
    requestId: string,
    reason: string,
  ): Promise<void> {
    await transaction
      .updateTable('federation_outbox')
      .set({ refusal: reason.replaceAll('\u0000', '').slice(0, 500) })
      .where('peer_key', '=', peerKey)
      .where('request_id', '=', requestId)
      .execute();
  }

  /** Settlements the peer has to sign for, oldest first, after a position in the outbox. */
  async owed(peerKey: string, after: { position: number; requestId: string } | null): Promise<OwedRow[]> {
    let query = this.database
      .selectFrom('federation_outbox')
      .innerJoin('federation_entries', (join) =>
        join
          .onRef('federation_entries.peer_key', '=', 'federation_outbox.peer_key')
          .onRef('federation_entries.request_id', '=', 'federation_outbox.request_id')
          .on('federation_entries.role', '=', 'served'),
      )
      .select(['federation_outbox.request_id', 'federation_outbox.position', 'federation_entries.settlement_json'])
      .where('federation_outbox.peer_key', '=', peerKey)
      .where('federation_outbox.refusal', 'is', null)
      .orderBy('federation_outbox.position')
      .orderBy('federation_outbox.request_id')
      .limit(PAGE_ROWS);
    if (after !== null) {
      query = query.where((build) =>
        build.or([
          build('federation_outbox.position', '>', after.position),
          build.and([
            build('federation_outbox.position', '=', after.position),
            build('federation_outbox.request_id', '>', after.requestId),
          ]),
        ]),
      );
    }
    const rows = await query.execute();
    return rows.map((row) => ({
      requestId: row.request_id,
      position: row.position,
      settlement: JSON.parse(row.settlement_json) as FederationSettlement,
    }));
  }

  /** How many settlements the peer has not signed for, and how many it refused. */
  async open(peerKey: string): Promise<{ owed: number; refused: number }> {
    const rows = await this.database
      .selectFrom('federation_outbox')
      .select((build) => [build.fn.countAll<number>().as('all'), build.fn.count<number>('refusal').as('refused')])
      .where('peer_key', '=', peerKey)
      .executeTakeFirstOrThrow();
    return { owed: rows.all - rows.refused, refused: rows.refused };
  }

  /** Sums of an agreement, in millionths of its unit. */
  async totals(peerKey: string, agreementId: string): Promise<Record<EntryRole, { requests: number; micro: number }>> {
    const rows = await this.database
      .selectFrom('federation_entries')
      .select((build) => [
        'role',
        build.fn.countAll<number>().as('requests'),
        sql<number>`coalesce(${build.fn.sum('amount_micro')}, 0)`.as('micro'),
      ])
      .where('peer_key', '=', peerKey)
      .where('agreement_id', '=', agreementId)
      .groupBy('role')
      .execute();
    const of = (role: EntryRole): { requests: number; micro: number } => {
      const row = rows.find((one) => one.role === role);
      return { requests: Number(row?.requests ?? 0), micro: Number(row?.micro ?? 0) };
    };
    return { served: of('served'), consumed: of('consumed') };
  }

  /** How many entries a time has. */
  async count(peerKey: string, agreementId: string, fromMs: number, toMs: number): Promise<number> {
    const row = await this.database
      .selectFrom('federation_entries')
      .select((build) => build.fn.countAll<number>().as('entries'))
      .where('peer_key', '=', peerKey)
      .where('agreement_id', '=', agreementId)
      .where('settled_at_ms', '>=', fromMs)
      .where('settled_at_ms', '<', toMs)
      .executeTakeFirstOrThrow();
    return Number(row.entries);
  }

  /** The time of the first entry at or after a time; null without one. */
  async firstAt(peerKey: string, agreementId: string, fromMs: number): Promise<number | null> {
    const row = await this.database
      .selectFrom('federation_entries')
      .select('settled_at_ms')
      .where('peer_key', '=', peerKey)
      .where('agreement_id', '=', agreementId)
      .where('settled_at_ms', '>=', fromMs)
      .orderBy('settled_at_ms')
      .limit(1)
      .executeTakeFirst();
    return row?.settled_at_ms ?? null;
  }

  /** Entries of a time, as a statement has them. */
  async entries(
    peer: { readonly publicKey: string; readonly agreementId: string },
    ownKey: string,
    fromMs: number,
    toMs: number,
  ): Promise<StatementEntry[]> {
    const rows = await this.database
      .selectFrom('federation_entries')
      .leftJoin('federation_receipts', (join) =>
        join
          .onRef('federation_receipts.peer_key', '=', 'federation_entries.peer_key')
          .onRef('federation_receipts.request_id', '=', 'federation_entries.request_id')
          .onRef('federation_receipts.role', '=', 'federation_entries.role'),
      )
      .selectAll('federation_entries')
      .select('federation_receipts.consumer_ref')
      .where('federation_entries.peer_key', '=', peer.publicKey)
      .where('agreement_id', '=', peer.agreementId)
      .where('settled_at_ms', '>=', fromMs)
      .where('settled_at_ms', '<', toMs)
      .execute();
    return rows.map((row) => {
      const { layers, server_ref: serverRef } = JSON.parse(row.settlement_json) as FederationSettlement;
      return {
        request_id: row.request_id,
        served_by: row.role === 'served' ? ownKey : peer.publicKey,
        model_id: row.model_id,
        ...(layers === undefined ? {} : { layers }),
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        amount: toWireGft(row.amount_micro),
        settled_at: timestampOf(row.settled_at_ms),
        server_ref: serverRef,
        consumer_ref: row.role === 'consumed' ? row.entry_ref : row.consumer_ref,
      };
    });
  }
}

/** A settlement of the outbox. */
export interface OwedRow {
  readonly requestId: string;
  readonly position: number;
  readonly settlement: FederationSettlement;
}
