import { nodeCryptography } from '../../keys/ed25519';
import { checkStatementAgreement, readFederationStatement } from '../../protocol/federation/statement';
import type { TrustResult } from '../../protocol/trust/errors';
import { nameOf, readValid, Stop } from './command';
import type { Statement } from './statement';
import { EXIT, type Terminal } from './terminal';

/* Statements of two linked coordinators: what they settled with each other in a time. */

export function isFederationStatement(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'federation-statement';
}

function accepted<Value>(path: string, result: TrustResult<Value>): Value {
  if (!result.ok) throw new Stop(EXIT.invalid, `${nameOf(path)}: Not verified.\n  ${result.error.message}`);
  return result.value;
}

/** Checks signatures, entries and sums; with an agreement also that it is one of its coordinators' under it. */
export async function federationStatement(
  path: string,
  value: unknown,
  agreementPath: string | null,
  terminal: Terminal,
): Promise<Statement> {
  const { statement, signedBy } = accepted(path, readFederationStatement(value, nodeCryptography));
  if (signedBy.length < statement.coordinators.length) {
    throw new Stop(
      EXIT.invalid,
      `${nameOf(path)}: Not verified.\n  Signatures that hold: ${signedBy.length}; a statement is signed by both coordinators.`,
    );
  }
  const { from, to, entries, totals, unit } = statement;
  const keys = signedBy.map((key) => nodeCryptography.keyIdOf(key));
  const sums = totals.map(
    (total) => `${nodeCryptography.keyIdOf(total.served_by)} served ${total.requests} for ${total.amount} ${unit}`,
  );
  const what = `From ${from} to ${to}: ${entries.length} requests${sums.length === 0 ? '' : `; ${sums.join(', ')}`}.`;
  const facts = { kind: 'federation-statement', signedBy: keys } as const;
  if (agreementPath === null) {
    const sentence = `${what} Both coordinators signed it. With --agreement FILE it is checked that they act for its parties.`;
    return { ...facts, sentence };
  }
  const agreement = await readValid(agreementPath, terminal);
  if (agreement.kind !== 'agreement') throw new Stop(EXIT.usage, `${nameOf(agreementPath)} is no agreement.`);
  accepted(path, checkStatementAgreement(statement, agreement.document, nodeCryptography));
  return { ...facts, sentence: `${what} Both coordinators signed it, and act for the parties of the agreement.` };
}
