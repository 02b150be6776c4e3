/** What was checked of a signed object that is no document, in one sentence for people. */
export interface Statement {
  readonly kind: 'key-links' | 'termination' | 'ledger-checkpoints' | 'federation-statement';
  readonly signedBy: readonly string[];
  readonly sentence: string;
}
