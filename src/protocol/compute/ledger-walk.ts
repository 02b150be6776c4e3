import { Compile } from 'typebox/compile';
import { failure, success, type Result } from '../result';
import type { Cryptography } from '../signing/ed25519';
import { LedgerEntry } from './http/tokens';
import { NO_HASH, type LedgerCheckpoint } from './ledger-checkpoint';
import { ledgerEntryText } from './ledger-text';
import { toMicroGft, toWireGft } from './micro-gft';

export type LedgerResult<Value> = Result<Value, 'ledger-invalid'>;

const checker = Compile(LedgerEntry);

function invalid(message: string): ReturnType<typeof failure<'ledger-invalid'>> {
  return failure('ledger-invalid', message);
}

/**
 * Goes through an exported ledger from its first entry and checks it against signed checkpoints: every hash, every link,
 * and at each checkpoint the number of entries, the last hash and the sum of all amounts. Holds one entry at a time.
 */
export class LedgerWalk {
  private entries = 0;
  private hash = NO_HASH;
  private supplyMicroGft = 0;
  private readonly waiting: LedgerCheckpoint[];

  /** @param checkpoints - checked and in order, as `readCheckpoints` gives them */
  constructor(
    checkpoints: readonly LedgerCheckpoint[],
    private readonly cryptography: Cryptography,
  ) {
    this.waiting = [...checkpoints];
  }

  /** Takes the next entry. */
  take(value: unknown): LedgerResult<null> {
    const passed = this.passCheckpoints();
    if (!passed.ok) return passed;
    const number = this.entries + 1;
    if (!checker.Check(value)) {
      const [first] = checker.Errors(value);
      return invalid(`Entry ${number} of the export ${first?.message ?? 'is no entry of a ledger'}.`);
    }
    if (value.previous_hash !== this.hash) {
      return invalid(
        number === 1
          ? 'The export does not begin with the first entry of the ledger; only a whole one can be checked.'
          : `Entry ${number} of the export does not follow the one before it.`,
      );
    }
    if (this.cryptography.sha256(ledgerEntryText(value)) !== value.entry_hash) {
      return invalid(`Entry ${number} of the export was changed after it was written.`);
    }
    this.entries = number;
    this.hash = value.entry_hash;
    this.supplyMicroGft += toMicroGft(value.amount);
    return success(null);
  }

  /** After the last entry: every checkpoint must have been reached. Returns how many entries there were. */
  end(): LedgerResult<number> {
    const passed = this.passCheckpoints();
    if (!passed.ok) return passed;
    const [next] = this.waiting;
    if (next === undefined) return success(this.entries);
    return invalid(
      `The export ends after ${this.entries} entries; checkpoint ${next.number} covers ${next.entries}, so some are missing.`,
    );
  }

  private passCheckpoints(): LedgerResult<null> {
    for (let next = this.waiting[0]; next?.entries === this.entries; next = this.waiting[0]) {
      const what = `Checkpoint ${next.number}`;
      if (next.head_hash !== this.hash) {
        return invalid(`${what} names another entry ${next.entries} than the export has: the ledger was rewritten.`);
      }
      if (toMicroGft(next.supply) !== this.supplyMicroGft) {
        const sum = toWireGft(this.supplyMicroGft);
        return invalid(`${what} says that all balances are ${next.supply} GFT; the entries add up to ${sum} GFT.`);
      }
      this.waiting.shift();
    }
    return success(null);
  }
}
