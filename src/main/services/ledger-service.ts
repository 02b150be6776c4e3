import type { LedgerEntryView, LedgerExportFormat, LedgerPage, LedgerVerification } from '../../contract/snapshot';
import { toMicroGft } from '../../protocol/compute/micro-gft';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';
import { BalanceAnswer, HistoryAnswer, VerificationAnswer } from './coordinator-answers';
import { readFromCoordinator, type CoordinatorSource } from './coordinator-reader';

/** What an export needs of its surroundings. */
export interface LedgerExports {
  /** Asks for a name; null when the dialog was closed. */
  saveFile(suggestedName: string, ending: string): Promise<string | null>;
  /** Writes an answer of the coordinator to a file. */
  download(path: string, file: string): Promise<Result<void>>;
}

/** Reads the accounts that the coordinator keeps for this computer. */
export class LedgerService {
  readonly #source: CoordinatorSource;
  readonly #exports: LedgerExports;

  constructor(source: CoordinatorSource, exports: LedgerExports) {
    this.#source = source;
    this.#exports = exports;
  }

  /** The newest entries of this node, newest first, with its sums. */
  async getPage(limit: number): Promise<Result<LedgerPage>> {
    const nodeId = this.#accountOwner();
    if (!nodeId.ok) return nodeId;
    const path = `/tokens/${encodeURIComponent(nodeId.value)}`;
    const [history, balance] = await Promise.all([
      readFromCoordinator(this.#source, `${path}/history?limit=${limit}`, HistoryAnswer),
      readFromCoordinator(this.#source, `${path}/balance`, BalanceAnswer),
    ]);
    if (!history.ok) return history;
    if (!balance.ok) return balance;
    return success({
      entries: newestFirst(history.value.entries.map(viewEntry)).slice(0, limit),
      balanceMicroGft: toMicroGft(balance.value.balance),
      totalEarnedMicroGft: toMicroGft(balance.value.total_earned),
      totalSpentMicroGft: toMicroGft(balance.value.total_spent),
      expiring: (balance.value.expiring ?? []).map(({ amount, expires_on: on }) => ({
        microGft: toMicroGft(amount),
        on,
      })),
    });
  }

  /** Writes every entry of this node to a file the user chooses; false when none was chosen. */
  async export(format: LedgerExportFormat): Promise<Result<boolean>> {
    const nodeId = this.#accountOwner();
    if (!nodeId.ok) return nodeId;
    const file = await this.#exports.saveFile(`tore-ledger.${format}`, format);
    if (file === null) return success(false);
    const path = `/tokens/${encodeURIComponent(nodeId.value)}/export?format=${format}`;
    const written = await this.#exports.download(path, file);
    return written.ok ? success(true) : written;
  }

  /** Asks the coordinator to check its whole chain anew. */
  async verify(): Promise<Result<LedgerVerification>> {
    const owner = this.#accountOwner();
    if (!owner.ok) return owner;
    const answer = await readFromCoordinator(this.#source, '/tokens/ledger/verify', VerificationAnswer);
    if (!answer.ok) return answer;
    const { chain_valid: valid, total_entries: entriesChecked, problem } = answer.value;
    const count = entriesChecked.toLocaleString('en-US');
    return success({
      valid,
      entriesChecked,
      message: valid
        ? `Verified to entry ${count}.`
        : `The chain does not hold: ${problem ?? 'the coordinator gave no reason'}`,
    });
  }

  #accountOwner(): Result<string> {
    const { coordinator, nodeId } = this.#source.snapshot();
    if (coordinator.tokenMode === false) {
      return mainFailure('tokens-off', 'This coordinator keeps no GFT accounts, so there is no ledger.');
    }
    if (nodeId === null) {
      return mainFailure('not-connected', 'This computer is not registered with a coordinator yet.', {
        retryable: true,
        suggestion: 'Wait until it is connected.',
      });
    }
    return success(nodeId);
  }
}

function viewEntry(entry: HistoryAnswer['entries'][number]): LedgerEntryView {
  return {
    id: entry.id,
    eventType: entry.event_type,
    nodeId: entry.node_id,
    microGft: toMicroGft(entry.amount),
    flops: entry.flops_delivered ?? entry.flops_consumed ?? null,
    requestId: entry.inference_request_id ?? null,
    taskId: entry.task_id ?? null,
    reason: entry.reason ?? null,
    entryHash: entry.entry_hash,
    timestamp: entry.timestamp,
    expiresAt: entry.expires_at ?? null,
  };
}

/** Coordinators differ in the order of their lists; entries of one moment keep theirs. */
function newestFirst(entries: readonly LedgerEntryView[]): readonly LedgerEntryView[] {
  const [first, last] = [entries[0], entries.at(-1)];
  const ascending = first !== undefined && last !== undefined && timeOf(first) <= timeOf(last);
  const newest = ascending ? entries.toReversed() : [...entries];
  return newest.sort((left, right) => timeOf(right) - timeOf(left));
}

function timeOf({ timestamp }: LedgerEntryView): number {
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(timestamp);
  const milliseconds = Date.parse(hasZone ? timestamp : `${timestamp}Z`);
  return Number.isNaN(milliseconds) ? 0 : milliseconds;
}
