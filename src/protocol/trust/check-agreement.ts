import { documentValidator } from '../documents/check-schema';
import { quoted, type ProblemList } from '../documents/problems';
import { checkAfter, checkTime } from '../documents/time';
import { Agreement } from './agreement';

function checkParties({ parties }: Agreement, problems: ProblemList): ReadonlySet<string> {
  const nodeIds = new Set<string>();
  const keys = new Set<string>();
  for (const [index, party] of parties.entries()) {
    if (nodeIds.has(party.node_id)) {
      problems.add(['parties', index, 'node_id'], `The node ${quoted(party.node_id)} is a party twice.`);
    }
    if (keys.has(party.public_key)) {
      problems.add(['parties', index, 'public_key'], 'Two parties have the same key; each signs with one of its own.');
    }
    nodeIds.add(party.node_id);
    keys.add(party.public_key);
  }
  return nodeIds;
}

function checkEvidence({ evidence }: Agreement, nodeIds: ReadonlySet<string>, problems: ProblemList): void {
  for (const [index, { by, to, decided_at }] of evidence.entries()) {
    if (problems.full) return;
    if (!nodeIds.has(by)) problems.add(['evidence', index, 'by'], `${quoted(by)} is not a party of this agreement.`);
    if (!nodeIds.has(to)) problems.add(['evidence', index, 'to'], `${quoted(to)} is not a party of this agreement.`);
    if (by === to) problems.add(['evidence', index, 'to'], 'A party cannot be challenged by itself.');
    checkTime(decided_at, ['evidence', index, 'decided_at'], problems);
  }
}

function checkDraft(agreement: Agreement, problems: ProblemList): void {
  checkEvidence(agreement, checkParties(agreement, problems), problems);
  const { effective_at, expires_at } = agreement.terms;
  checkTime(effective_at, ['terms', 'effective_at'], problems);
  checkTime(expires_at, ['terms', 'expires_at'], problems);
  checkAfter(effective_at, expires_at, ['terms', 'expires_at'], 'The agreement ends before it begins.', problems);
  const signers = new Set<string>();
  for (const [index, { key_id }] of agreement.signatures.entries()) {
    if (signers.has(key_id)) problems.add(['signatures', index, 'key_id'], 'This key has signed twice.');
    signers.add(key_id);
  }
}

function checkAgreement(agreement: Agreement, problems: ProblemList): void {
  checkDraft(agreement, problems);
  const { parties, signatures } = agreement;
  if (signatures.length !== parties.length) {
    problems.add(
      ['signatures'],
      `Each of the ${parties.length} parties signs once; signatures found: ${signatures.length}.`,
    );
  }
}

/** Checks that a value is a valid agreement (tore-0002) with one signature for each party; they are verified apart. */
export const validateAgreement = documentValidator(Agreement, 'agreement', checkAgreement);

/** Checks an agreement that some of its parties have not signed yet. */
export const validatePartlySignedAgreement = documentValidator(Agreement, 'agreement', checkDraft);
