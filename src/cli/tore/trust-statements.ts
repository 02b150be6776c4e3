import { nodeCryptography } from '../../keys/ed25519';
import { readJson, type ToreDocument } from '../../protocol/documents/read-document';
import { toEpochMs } from '../../protocol/documents/time';
import type { TrustResult } from '../../protocol/trust/errors';
import { checkTermination } from '../../protocol/trust/agreement-standing';
import { followKeyLinks, readKeyLink, type KeyLink } from '../../protocol/trust/key-link';
import { readTermination } from '../../protocol/trust/termination';
import { checkpointsIn, checkpointStatement } from './ledger-statements';
import { federationStatement, isFederationStatement } from './federation-statements';
import { nameOf, readBytes, readValid, Stop, valid } from './command';
import type { Statement } from './statement';
import { EXIT, type Terminal } from './terminal';

/*
 * Signed objects that are no documents of the family: links from a replaced key to the next one, the termination of an
 * agreement, checkpoints of a ledger. `tore verify` takes them as files like any document.
 */

function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
}

function accepted<Value>(path: string, result: TrustResult<Value>): Value {
  if (!result.ok) throw new Stop(EXIT.invalid, `${nameOf(path)}: Not verified.\n  ${result.error.message}`);
  return result.value;
}

function verifyLinks(path: string, values: readonly unknown[]): { readonly links: readonly KeyLink[] } {
  const links = values.map((value) => accepted(path, readKeyLink(value, nodeCryptography)));
  const [first] = links;
  if (first !== undefined) {
    const known = { nodeId: first.node_id, publicKey: first.old_public_key };
    accepted(path, followKeyLinks(known, links, nodeCryptography));
  }
  return { links };
}

/** The key links in a file: one, or a list that forms a chain. */
export async function readLinks(path: string, terminal: Terminal): Promise<readonly KeyLink[]> {
  const json = valid(path, readJson(await readBytes(path, terminal)));
  return verifyLinks(path, Array.isArray(json) ? json : [json]).links;
}

function linksStatement(path: string, values: readonly unknown[]): Statement {
  const { links } = verifyLinks(path, values);
  const keys = links.map((link) => [link.old_public_key, link.new_public_key].map(nodeCryptography.keyIdOf));
  const steps = links.map(({ issued_at: at }, index) => `${keys[index]?.join(' was replaced by ') ?? ''} at ${at}`);
  return {
    kind: 'key-links',
    signedBy: [...new Set(keys.flat())],
    sentence: steps.length === 0 ? 'No key was replaced.' : `Key ${steps.join('; key ')}. Both keys signed each time.`,
  };
}

async function terminationStatement(
  path: string,
  value: unknown,
  agreementPath: string | null,
  terminal: Terminal,
): Promise<Statement> {
  const notice = accepted(path, readTermination(value, nodeCryptography));
  const signer = nodeCryptography.keyIdOf(notice.party.public_key);
  const about = `the agreement ${notice.agreement_id} at ${notice.effective_at}`;
  if (agreementPath === null) {
    const sentence = `Key ${signer} ends ${about}. With --agreement FILE it is checked that this key is a party of it.`;
    return { kind: 'termination', signedBy: [signer], sentence };
  }
  const agreement = await readValid(agreementPath, terminal);
  if (agreement.kind !== 'agreement') throw new Stop(EXIT.usage, `${nameOf(agreementPath)} is no agreement.`);
  accepted(path, checkTermination(notice, agreement.document, nodeCryptography));
  return { kind: 'termination', signedBy: [signer], sentence: `A party of it, key ${signer}, ends ${about}.` };
}

/** Verifies a file that holds such an object; null for any other file, which is then read as a document. */
export async function verifyStatement(
  path: string,
  bytes: Uint8Array,
  beside: { readonly agreement: string | null; readonly ledger: string | null },
  terminal: Terminal,
): Promise<Statement | null> {
  const json = readJson(bytes);
  if (!json.ok) return null;
  const checkpoints = checkpointsIn(json.value);
  if (checkpoints !== null) return checkpointStatement(path, checkpoints, beside.ledger);
  if (Array.isArray(json.value) && json.value.every((one) => typeOf(one) === 'key-link')) {
    return linksStatement(path, json.value);
  }
  if (typeOf(json.value) === 'key-link') return linksStatement(path, [json.value]);
  if (isFederationStatement(json.value)) return federationStatement(path, json.value, beside.agreement, terminal);
  return typeOf(json.value) === 'agreement-termination'
    ? terminationStatement(path, json.value, beside.agreement, terminal)
    : null;
}

/**
 * What key links say about the keys that signed a document. A record that was signed with a key after that key had been
 * replaced does not count; an agreement keeps what was signed before.
 */
export function linkNotes(
  path: string,
  read: ToreDocument,
  signedBy: readonly string[],
  links: readonly KeyLink[],
): string[] {
  return links.flatMap((link) => {
    const [old, next] = [link.old_public_key, link.new_public_key].map(nodeCryptography.keyIdOf);
    if (old === undefined || !signedBy.includes(old)) return [];
    const isLate = read.kind === 'discovery' && toEpochMs(read.document.issued_at) > toEpochMs(link.issued_at);
    if (isLate) {
      throw new Stop(
        EXIT.invalid,
        `${nameOf(path)}: Not verified.\n  The key ${old} had been replaced at ${link.issued_at}.`,
      );
    }
    return [`Key ${old} was replaced by ${next ?? ''} at ${link.issued_at}; what it signed before stays valid.`];
  });
}
