import { hash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { LedgerEntry, LedgerEventType } from '../../protocol/compute/http/tokens';
import { ledgerEntryText, type HashedEntry } from '../../protocol/compute/ledger-text';
import { toWireGft, type MicroGft } from '../../protocol/compute/micro-gft';
import type { LedgerEntryTable } from '../storage/database-schema';

/** `previous_hash` of the first entry. */
export const GENESIS_HASH = '0'.repeat(64);

export type LedgerRow = Selectable<LedgerEntryTable>;

/** What a writer decides; the chain adds id, hashes and time. */
export interface LedgerDraft {
  readonly eventType: LedgerEventType;
  readonly nodeId: string;
  /** Signed: positive for issuance and purchase, negative for redemption, expiry and penalty. */
  readonly amountMicroGft: MicroGft;
  readonly taskId?: string;
  readonly flopsDelivered?: number;
  readonly hardwareMultiplier?: number;
  readonly reliabilityFactor?: number;
  readonly inferenceRequestId?: string;
  readonly flopsConsumed?: number;
  readonly reason?: string;
  readonly expiresAt?: string;
}

/** The wire form of a stored row, built from every stored column, so that a change to any of them changes the hash. */
export function entryOfRow(row: LedgerRow): LedgerEntry {
  return {
    id: row.id,
    event_type: row.event_type as LedgerEventType,
    node_id: row.node_id,
    amount: toWireGft(row.amount_micro_gft),
    task_id: row.task_id,
    flops_delivered: row.flops_delivered,
    hardware_multiplier: row.hardware_multiplier,
    reliability_factor: row.reliability_factor,
    inference_request_id: row.inference_request_id,
    flops_consumed: row.flops_consumed,
    reason: row.reason,
    previous_hash: row.previous_hash,
    entry_hash: row.entry_hash,
    timestamp: row.timestamp,
    expires_at: row.expires_at,
  };
}

/** SHA-256, lower-case hexadecimal, over the canonical JSON (RFC 8785) of an entry without its own hash. */
export function hashEntry(entry: HashedEntry): string {
  return hash('sha256', ledgerEntryText(entry), 'hex');
}

/** Completes a draft to the row that follows `previousHash`. */
export function rowOfDraft(
  draft: LedgerDraft,
  chain: { readonly seq: number; readonly id: string; readonly previousHash: string; readonly timestamp: string },
): LedgerRow {
  const row = {
    seq: chain.seq,
    id: chain.id,
    event_type: draft.eventType,
    node_id: draft.nodeId,
    amount_micro_gft: draft.amountMicroGft,
    task_id: draft.taskId ?? null,
    flops_delivered: draft.flopsDelivered ?? null,
    hardware_multiplier: draft.hardwareMultiplier ?? null,
    reliability_factor: draft.reliabilityFactor ?? null,
    inference_request_id: draft.inferenceRequestId ?? null,
    flops_consumed: draft.flopsConsumed ?? null,
    reason: draft.reason ?? null,
    previous_hash: chain.previousHash,
    entry_hash: '',
    timestamp: chain.timestamp,
    expires_at: draft.expiresAt ?? null,
  };
  return { ...row, entry_hash: hashEntry(entryOfRow(row)) };
}
