import { IMPORT_LIMITS } from './limits';

/** Something that was not imported. */
export interface ReportEntry {
  /** Title, file, or place in the file. */
  readonly what: string;
  /** A clause: "it has no messages". */
  readonly why: string;
}

/**
 * What became of everything an import found. Each record is counted once:
 * `found = imported + updated + alreadyThere + skippedCount + failedCount`.
 */
export interface ImportReport {
  /** Products the records came from. */
  readonly formats: readonly string[];
  readonly found: number;
  /** New in the library. */
  readonly imported: number;
  /** In the library before, now with what is new in the file. */
  readonly updated: number;
  /** In the library before, and nothing in the file is new. */
  readonly alreadyThere: number;
  readonly skippedCount: number;
  readonly failedCount: number;
  /** The first of the skipped and failed ones, each with its reason. */
  readonly skipped: readonly ReportEntry[];
  readonly failed: readonly ReportEntry[];
  /** Attached files that were stored, and those that the conversations name and the export does not hold. */
  readonly storedFiles: number;
  readonly missingFiles: number;
}

/** Outcome of handing a document to a sink. `too-large`: joined with what is there it could not be one document any more. */
export type AddOutcome = 'imported' | 'updated' | 'already-there' | 'too-large';

/** Counts while an import runs. */
export class ReportCollector {
  readonly #formats = new Set<string>();
  readonly #skipped: ReportEntry[] = [];
  readonly #failed: ReportEntry[] = [];
  #counts = { imported: 0, updated: 0, alreadyThere: 0, skipped: 0, failed: 0, storedFiles: 0, missingFiles: 0 };

  get conversationCount(): number {
    return this.#counts.imported + this.#counts.updated + this.#counts.alreadyThere;
  }

  format(name: string): void {
    this.#formats.add(name);
  }

  added(outcome: AddOutcome, what: string): void {
    if (outcome === 'too-large')
      this.fail(what, 'joined with what is in the library it is more than one document can hold');
    else if (outcome === 'imported') this.#counts.imported += 1;
    else if (outcome === 'updated') this.#counts.updated += 1;
    else this.#counts.alreadyThere += 1;
  }

  skip(what: string, why: string): void {
    this.#counts.skipped += 1;
    if (this.#skipped.length < IMPORT_LIMITS.maxReportEntries) this.#skipped.push({ what, why });
  }

  fail(what: string, why: string): void {
    this.#counts.failed += 1;
    if (this.#failed.length < IMPORT_LIMITS.maxReportEntries) this.#failed.push({ what, why });
  }

  fileStored(): void {
    this.#counts.storedFiles += 1;
  }

  fileMissing(): void {
    this.#counts.missingFiles += 1;
  }

  finish(): ImportReport {
    const { imported, updated, alreadyThere, skipped, failed, storedFiles, missingFiles } = this.#counts;
    return {
      formats: [...this.#formats].sort(),
      found: imported + updated + alreadyThere + skipped + failed,
      imported,
      updated,
      alreadyThere,
      skippedCount: skipped,
      failedCount: failed,
      skipped: this.#skipped,
      failed: this.#failed,
      storedFiles,
      missingFiles,
    };
  }
}
