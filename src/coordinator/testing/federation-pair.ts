import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import { testParty } from '../../keys/testing/test-party';
import { signAgreement } from '../../protocol/signing/sign-document';
import type { Signer } from '../../protocol/signing/ed25519';
import type { Agreement, AgreementTerms } from '../../protocol/trust/agreement';
import type { MessageWriter } from '../../protocol/trust/compose-message';
import { agreementHash, signTermination, type TerminationNotice } from '../../protocol/trust/termination';
import type { CoordinatorOptions, FederationSettings } from '../config';
import type { CoordinatorSurroundings } from '../coordinator';
import { startTestCoordinator, type TestCoordinator } from './start-coordinator';
import { serveFirst, serveLast, WsNode } from './ws-node';

export const PARTY_A = testParty(1, 'A');
export const PARTY_B = testParty(2, 'B');

/** What one side serves under the agreement of the tests. */
export function grant(servedBy: string, limits: Record<string, unknown> = {}): Record<string, unknown> {
  return { kind: 'federation', served_by: servedBy, models: 'any', ...limits };
}

/** Keys of people of the parties, which the agreement names beside those of the coordinators. */
export interface PeopleKeys {
  readonly a?: readonly string[];
  readonly b?: readonly string[];
}

/** An agreement of two parties whose coordinators have the given keys. */
export function federationAgreement(
  keys: { readonly a: string; readonly b: string },
  changes: Partial<AgreementTerms> = {},
  id = 'agreement-of-a-and-b',
  people: PeopleKeys = {},
): Agreement {
  const terms: AgreementTerms = {
    purpose: 'Answer each other with the own models.',
    resources: [grant(PARTY_A.nodeId), grant(PARTY_B.nodeId)],
    cost: { unit: 'node-hours', rate: 2 },
    data_handling: 'Nothing is kept.',
    effective_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2126-01-01T00:00:00.000Z',
    termination: 'Any time.',
    ...changes,
  };
  const draft: Agreement = {
    tore_spec: 'tore-0002',
    type: 'agreement',
    id,
    parties: [PARTY_A, PARTY_B].map(({ nodeId, name, signer }) => ({
      node_id: nodeId,
      public_key: signer.publicKey,
      name,
    })),
    governance_mode: 'institution',
    handshake_ref: null,
    evidence: [],
    terms,
    status: 'active',
    metadata: {
      member_keys: {
        [PARTY_A.nodeId]: [keys.a, ...(people.a ?? [])],
        [PARTY_B.nodeId]: [keys.b, ...(people.b ?? [])],
      },
    },
    signatures: [],
  };
  const first = signAgreement(draft, PARTY_A.signer, nodeCryptography);
  if (!first.ok) throw new Error(first.error.message);
  const both = signAgreement(first.value, PARTY_B.signer, nodeCryptography);
  if (!both.ok) throw new Error(both.error.message);
  return both.value;
}

/** A party's notice that ends an agreement. */
export function terminationOf(
  agreement: Agreement,
  effectiveAt: string,
  by: MessageWriter = PARTY_A,
  id = 'end-of-the-agreement',
): TerminationNotice {
  const hash = agreementHash(agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const facts = {
    id,
    agreement_id: agreement.id,
    agreement_hash: hash.value,
    party: { node_id: by.nodeId, public_key: by.signer.publicKey },
    key_links: [...by.keyLinks],
    effective_at: effectiveAt,
    issued_at: '2026-02-01T00:00:00.000Z',
  };
  return signTermination(facts, by.signer, nodeCryptography);
}

/** What one coordinator has of its own: its key, and its copy of the agreement. */
export interface CoordinatorFiles {
  readonly signer: Signer;
  readonly keyFile: string;
  readonly agreementFile: string;
}

/** Keys and agreement of two coordinators, in files as their configurations name them. */
export interface FederationFiles {
  readonly agreement: Agreement;
  readonly a: CoordinatorFiles;
  readonly b: CoordinatorFiles;
  remove(): Promise<void>;
}

async function newKey(folder: string, side: 'a' | 'b'): Promise<Pick<CoordinatorFiles, 'signer' | 'keyFile'>> {
  const { signer, pem } = generateSigner();
  const keyFile = join(folder, `${side}.pem`);
  await writeFile(keyFile, pem, { mode: 0o600 });
  return { signer, keyFile };
}

/** @param again - another agreement of a coordinator B that has one already, under an id of its own */
export async function federationFiles(
  changes: Partial<AgreementTerms> = {},
  again?: { readonly b: FederationFiles['b']; readonly id: string },
  people: PeopleKeys = {},
): Promise<FederationFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'tore-federation-'));
  const keys = { a: await newKey(folder, 'a'), b: again?.b ?? (await newKey(folder, 'b')) };
  const bothKeys = { a: keys.a.signer.publicKey, b: keys.b.signer.publicKey };
  const agreement = federationAgreement(bothKeys, changes, again?.id, people);
  const copy = async (side: string): Promise<string> => {
    const file = join(folder, `${side}.tore2-agreement.json`);
    await writeFile(file, JSON.stringify(agreement));
    return file;
  };
  const a = { ...keys.a, agreementFile: await copy('a') };
  const b = { ...keys.b, agreementFile: await copy('b') };
  return { agreement, a, b, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Options of one side. */
export function federationOptions(
  files: FederationFiles,
  side: 'a' | 'b',
  url: string | null,
): { readonly federation: FederationSettings } {
  const other = side === 'a' ? 'b' : 'a';
  return {
    federation: {
      keyFile: files[side].keyFile,
      retrySeconds: 0.02,
      peers: [
        {
          name: `Coordinator ${other.toUpperCase()}`,
          url,
          publicKey: files[other].signer.publicKey,
          agreementFile: files[side].agreementFile,
        },
      ],
    },
  };
}

const ADMINISTRATOR = 'administrator-of-the-federation-tests';

export interface RunningPair {
  readonly files: FederationFiles;
  readonly a: TestCoordinator;
  readonly b: TestCoordinator;
  /** A call of the administrator. */
  admin(
    side: 'a' | 'b',
    method: 'GET' | 'POST',
    path: string,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  stop(): Promise<void>;
}

/** Coordinator B, which listens, and coordinator A with GFT, which connects to it. */
export async function startPair(
  changes: Partial<AgreementTerms> = {},
  options: {
    readonly a?: Partial<CoordinatorOptions>;
    readonly b?: Partial<CoordinatorOptions>;
    readonly surroundings?: CoordinatorSurroundings;
    readonly people?: PeopleKeys;
    /** What A dials to reach the port of B, where it is not B itself. */
    readonly wire?: (port: number) => Promise<string>;
  } = {},
): Promise<RunningPair> {
  const files = await federationFiles(changes, undefined, options.people);
  const common = { administratorToken: ADMINISTRATOR };
  const b = await startTestCoordinator(
    { ...common, name: 'B', tokenEconomy: false, ...federationOptions(files, 'b', null), ...options.b },
    options.surroundings,
  );
  const url = (await options.wire?.(b.port)) ?? b.url;
  const a = await startTestCoordinator(
    { ...common, name: 'A', modelFolders: [], ...federationOptions(files, 'a', url), ...options.a },
    options.surroundings,
  );
  return {
    files,
    a,
    b,
    admin: async (side, method, path) => {
      const response = await fetch(`${{ a, b }[side].url}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMINISTRATOR}` },
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    stop: async () => {
      await a.coordinator.stop();
      await b.coordinator.stop();
      await files.remove();
    },
  };
}

/** Two nodes that serve the whole test model. */
export async function serveModel(
  url: string,
  options: Parameters<typeof serveLast>[1] = {},
): Promise<readonly [WsNode, WsNode]> {
  const [first, last] = [await WsNode.connect(url), await WsNode.connect(url)];
  await first.register();
  await first.registerShard(0, 3);
  serveFirst(first);
  await last.register();
  await last.registerShard(4, 7);
  serveLast(last, options);
  return [first, last];
}
