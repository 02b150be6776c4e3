import { Type, type TSchema } from 'typebox';
import type { Failure } from '../protocol/result';

// --- Self-test ----------------------------------------------------------------------------------------------------

/** What the self-test looks at, in its order. */
export const CHECK_NAMES = ['engine', 'answer', 'coordinator', 'disk', 'power', 'readings'] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

export interface CheckResult {
  readonly name: CheckName;
  /** `warning`: it works, with less than it could. */
  readonly verdict: 'waiting' | 'running' | 'good' | 'warning' | 'bad';
  /** Figures of the sentence that tells the verdict; amounts of disk in bytes, times in milliseconds. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** What went wrong, where something did. */
  readonly failure: Failure | null;
}

export interface SelfTestView {
  readonly running: boolean;
  /** When the shown results were ready; null while it runs, or before. */
  readonly finishedAt: string | null;
  readonly checks: readonly CheckResult[];
}

// --- Report of a problem ------------------------------------------------------------------------------------------

/** Longest description a person adds. */
export const MAX_REPORT_TEXT_LENGTH = 10_000;

export interface ReportFile {
  readonly name: string;
  /** The exact content that is saved. */
  readonly text: string;
}

/** What a report will hold. It is kept in main as it was shown, and nothing else is saved. */
export interface ReportView {
  readonly id: string;
  readonly files: readonly ReportFile[];
}

// --- Calls --------------------------------------------------------------------------------------------------------

const Nothing = Type.Null();

export const SUPPORT_CALLS = {
  'self-test:get': Nothing,
  'self-test:start': Nothing,
  'self-test:cancel': Nothing,
  'report:prepare': Type.Object({ description: Type.String({ maxLength: MAX_REPORT_TEXT_LENGTH }) }),
  'report:save': Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) }),
} as const satisfies Record<string, TSchema>;

export interface SupportCallValues {
  'self-test:get': SelfTestView;
  'self-test:start': null;
  'self-test:cancel': null;
  'report:prepare': ReportView;
  /** Where it was written; null when the dialog was closed. */
  'report:save': { readonly path: string } | null;
}
