import { readFileSync, writeFileSync } from 'node:fs';
import { generateSigner, nodeCryptography, openSigner } from '../../keys/ed25519';
import { readJson } from '../../protocol/documents/read-document';
import { success } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { verifyAgreement } from '../../protocol/signing/verify-document';
import type { Agreement } from '../../protocol/trust/agreement';
import { partyOfKey } from '../../protocol/trust/agreement-keys';
import { validateAgreement } from '../../protocol/trust/check-agreement';
import { agreementHash } from '../../protocol/trust/termination';
import type { FederationPeer, FederationSettings } from '../config';
import { refuse, type CoordinatorResult } from '../errors';

/** An agreement between this coordinator and a peer, checked and signed by both. */
export interface PeerAgreement {
  readonly agreement: Agreement;
  readonly agreementHash: string;
  /** `node_id` of the parties in the agreement: the own one, and the peer's. */
  readonly ownParty: string;
  readonly peerParty: string;
}

/** A configured peer with an agreement. */
export interface PeerSettings extends PeerAgreement {
  readonly name: string;
  /** `ws(s)://host:port`, or null when only the peer connects. */
  readonly url: string | null;
  readonly publicKey: string;
  readonly agreementFile: string;
}

/** The federation of a coordinator as configured, its files read. */
export interface FederationSetup {
  readonly signer: Signer;
  readonly retryMs: number;
  readonly peers: readonly PeerSettings[];
}

function wrong(message: string, suggestion: string): ReturnType<typeof refuse> {
  return refuse('config-invalid', message, { suggestion });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}

/** The key of this coordinator; made, readable by this user alone, when the file is missing. Fails with `config-invalid`. */
export function openFederationKey(keyFile: string): CoordinatorResult<Signer> {
  let pem: string;
  try {
    pem = readFileSync(keyFile, 'utf8');
  } catch (thrown) {
    if (!isMissing(thrown)) {
      return wrong(`The key ${keyFile} cannot be read: ${reasonOf(thrown)}`, 'Check who may read it.');
    }
    const made = generateSigner();
    try {
      writeFileSync(keyFile, made.pem, { flag: 'wx', mode: 0o600 });
    } catch (failed) {
      return wrong(`The key ${keyFile} cannot be made: ${reasonOf(failed)}`, 'Name a file in a folder this user owns.');
    }
    return success(made.signer);
  }
  const opened = openSigner(pem);
  return opened.ok ? opened : wrong(`The key ${keyFile}: ${opened.error.message}`, 'Make one with `tore keygen`.');
}

type AgreementSource = Pick<FederationPeer, 'name' | 'publicKey' | 'agreementFile'>;

/** Reads the file of a peer's agreement. Fails with `config-invalid`. */
export function readPeerAgreement(peer: AgreementSource, ownKey: string): CoordinatorResult<PeerAgreement> {
  const where = `The agreement of the peer "${peer.name}" (${peer.agreementFile})`;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(peer.agreementFile);
  } catch (thrown) {
    return wrong(`${where} cannot be read: ${reasonOf(thrown)}`, 'Put the file there, or remove the peer.');
  }
  return checkPeerAgreement(bytes, where, peer.publicKey, ownKey);
}

/**
 * Checks that a document is an agreement between exactly these two coordinators, signed by both parties. Fails with
 * `config-invalid`.
 *
 * @param where - which agreement, as the first words of an error
 */
function checkPeerAgreement(
  bytes: Uint8Array,
  where: string,
  peerKey: string,
  ownKey: string,
): CoordinatorResult<PeerAgreement> {
  const json = readJson(bytes);
  const valid = json.ok ? validateAgreement(json.value) : json;
  if (!valid.ok) return wrong(`${where} is not valid: ${valid.error.message}`, 'Check it with `tore verify`.');
  const agreement = valid.value;
  const verified = verifyAgreement(agreement, nodeCryptography);
  if (!verified.ok) return wrong(`${where}: ${verified.error.message}`, 'Both parties sign one text.');
  const hash = agreementHash(agreement, nodeCryptography);
  if (!hash.ok) return wrong(`${where}: ${hash.error.message}`, 'Make a new agreement.');
  const [own, other] = [partyOfKey(agreement, ownKey), partyOfKey(agreement, peerKey)];
  if (agreement.parties.length !== 2) return wrong(`${where} has more than two parties.`, 'A link joins two.');
  if (own === null || other === null || own.node_id === other.node_id) {
    const who = own === null ? 'this coordinator' : 'the peer';
    return wrong(
      `${where} does not name ${who}: a coordinator acts with the key of a party, or with one under metadata.member_keys.`,
      'Name the keys of both coordinators in the agreement (`tore-coordinator federation key`), and sign it anew.',
    );
  }
  return success({ agreement, agreementHash: hash.value, ownParty: own.node_id, peerParty: other.node_id });
}

/** Checks an agreement with a peer that was read at an earlier time and kept. Fails with `config-invalid`. */
export function checkEarlierAgreement(
  { id, json }: { readonly id: string; readonly json: string },
  { name, publicKey }: Pick<PeerSettings, 'name' | 'publicKey'>,
  ownKey: string,
): CoordinatorResult<PeerAgreement> {
  return checkPeerAgreement(Buffer.from(json), `The earlier agreement ${id} with "${name}"`, publicKey, ownKey);
}

function socketAddress(url: string | null | undefined): string | null {
  return typeof url === 'string' ? url.replace(/^http/, 'ws').replace(/\/$/, '') : null;
}

/** Reads key and agreements. Null without peers; fails with `config-invalid`. */
export function readFederation(settings: FederationSettings): CoordinatorResult<FederationSetup | null> {
  if (settings.peers.length === 0) return success(null);
  const signer = openFederationKey(settings.keyFile);
  if (!signer.ok) return signer;
  const own = signer.value.publicKey;
  const peers: PeerSettings[] = [];
  for (const peer of settings.peers) {
    if (peers.some((other) => other.name === peer.name || other.publicKey === peer.publicKey)) {
      return wrong(`The peer "${peer.name}" is configured twice.`, 'Give each peer one entry.');
    }
    const read = readPeerAgreement(peer, own);
    if (!read.ok) return read;
    const { name, publicKey, agreementFile } = peer;
    peers.push({ name, url: socketAddress(peer.url), publicKey, agreementFile, ...read.value });
  }
  return success({ signer: signer.value, retryMs: settings.retrySeconds * 1_000, peers });
}
