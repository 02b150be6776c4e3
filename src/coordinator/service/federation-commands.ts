import { readFile } from 'node:fs/promises';
import { nodeCryptography } from '../../keys/ed25519';
import { toWireGft } from '../../protocol/compute/micro-gft';
import {
  differencesOf,
  readFederationStatement,
  type FederationStatement,
  type StatementDifference,
  type StatementEntry,
} from '../../protocol/federation/statement';
import { toEpochMs } from '../../protocol/documents/time';
import { success } from '../../protocol/result';
import type { Agreement } from '../../protocol/trust/agreement';
import { checkTermination } from '../../protocol/trust/agreement-standing';
import { readTermination } from '../../protocol/trust/termination';
import { systemClock } from '../clock';
import { databaseLocation, readConfig, type CoordinatorOptions } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import {
  checkEarlierAgreement,
  openFederationKey,
  readFederation,
  type FederationSetup,
  type PeerSettings,
} from '../federation/peer-settings';
import { PeerStore } from '../federation/peer-store';
import { SettlementStore } from '../federation/settlement-store';
import { StatementStore } from '../federation/statement-store';
import type { Database } from '../storage/database-schema';
import { withDatabase } from './ledger-commands';

const DAY_MS = 86_400_000;
const MAX_STATEMENT_BYTES = 16 * 1024 * 1024;

/** What the command line asks of the federation. */
export type FederationRequest =
  | { readonly act: 'key' }
  | { readonly act: 'peers' }
  | { readonly act: 'statement'; readonly peer: string; readonly day: string | null }
  | { readonly act: 'reconcile'; readonly peer: string; readonly day: string | null; readonly with: string | null }
  | { readonly act: 'terminate'; readonly file: string };

interface Opened {
  readonly database: Database;
  readonly setup: FederationSetup;
}

function known(setup: FederationSetup, name: string): CoordinatorResult<PeerSettings> {
  const peer = setup.peers.find((one) => one.name === name);
  const names = setup.peers.map((one) => `"${one.name}"`).join(', ');
  return peer === undefined
    ? refuse('peer-unknown', `There is no peer "${name}".`, { suggestion: `Configured are ${names}.` })
    : success(peer);
}

function startOf(day: string): CoordinatorResult<number> {
  const atMs = Date.parse(`${day}T00:00:00.000Z`);
  return Number.isFinite(atMs) && new Date(atMs).toISOString().startsWith(day)
    ? success(atMs)
    : refuse('config-invalid', `The day ${day.slice(0, 40)} does not exist.`, {
        suggestion: 'Write it as 2026-03-01.',
      });
}

async function readJson(file: string): Promise<CoordinatorResult<unknown>> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > MAX_STATEMENT_BYTES) return refuse('message-too-large', `${file} is too large.`);
    return success(JSON.parse(text) as unknown);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : '';
    return refuse('message-invalid', `${file} cannot be read: ${why}`);
  }
}

function entryLine(entry: StatementEntry | null): string {
  if (entry === null) return 'nothing';
  const { amount, input_tokens: input, output_tokens: output, server_ref: server, consumer_ref: consumer } = entry;
  return `${amount} for ${input} and ${output} tokens of ${entry.model_id}, booked ${server} and ${consumer ?? 'not yet'}`;
}

function differenceLines({ request_id: id, here, there }: StatementDifference): string[] {
  return [id, `  here:  ${entryLine(here)}`, `  there: ${entryLine(there)}`];
}

async function listPeers({ database, setup }: Opened, print: (line: string) => void): Promise<void> {
  const [peers, settlements] = [new PeerStore(database, systemClock), new SettlementStore(database, systemClock)];
  for (const peer of setup.peers) {
    const { agreement } = peer;
    const [stored, totals, open, refusals] = await Promise.all([
      peers.load(peer.publicKey, agreement.id),
      settlements.totals(peer.publicKey, agreement.id),
      settlements.open(peer.publicKey),
      peers.refusals(peer.publicKey, 1),
    ]);
    const { unit } = agreement.terms.cost;
    const sum = ({ requests, micro }: { requests: number; micro: number }): string =>
      `${requests} requests, ${toWireGft(micro)} ${unit}`;
    print(`${peer.name}  ${peer.publicKey}`);
    print(`  address      ${peer.url ?? 'connects by itself'}`);
    print(`  agreement    ${agreement.id}, until ${agreement.terms.expires_at ?? 'it is terminated'}`);
    if (stored.termination !== null) print(`  terminated   at ${stored.termination.effective_at}`);
    print(`  link         ${stored.isCut ? 'cut by the administrator' : `last up ${stored.lastUpAt ?? 'never'}`}`);
    print(`  served       ${sum(totals.served)}`);
    print(`  consumed     ${sum(totals.consumed)}`);
    print(`  to sign for  ${open.owed}, refused there ${open.refused}`);
    const [last] = refusals;
    if (last !== undefined) print(`  last refusal ${last.at} ${last.code}: ${last.message}`);
  }
}

async function printStatements(
  { database }: Opened,
  peer: PeerSettings,
  day: string | null,
  print: (line: string) => void,
): Promise<CoordinatorResult<boolean>> {
  const from = day === null ? success(null) : startOf(day);
  if (!from.ok) return from;
  const store = new StatementStore(database, systemClock);
  const kept = await store.kept(peer.publicKey, {
    limit: day === null ? 1 : 2_000,
    ...(from.value === null ? {} : { fromMs: from.value, toMs: from.value + DAY_MS }),
  });
  const signed = kept.filter(({ state }) => state === 'signed');
  if (signed.length === 0) {
    return refuse('record-unknown', `There is no statement signed by both ${day === null ? 'yet' : `of ${day}`}.`, {
      suggestion: 'It is made when the day is over and the link stands; `federation reconcile` shows differences.',
    });
  }
  for (const { statement } of signed) print(JSON.stringify(statement));
  return success(true);
}

/** What the peer has of a day: a statement in a file, or the last one it answered with. */
async function theirStatements(
  { database }: Opened,
  peer: PeerSettings,
  fromMs: number,
  file: string | null,
): Promise<CoordinatorResult<readonly FederationStatement[]>> {
  if (file === null) {
    const store = new StatementStore(database, systemClock);
    const kept = await store.kept(peer.publicKey, { limit: 2_000, fromMs, toMs: fromMs + DAY_MS });
    return success(kept.map(({ statement, theirs }) => theirs ?? statement));
  }
  const json = await readJson(file);
  if (!json.ok) return json;
  const read = readFederationStatement(json.value, nodeCryptography);
  if (!read.ok) return read;
  const isTheirs = read.value.signedBy.includes(peer.publicKey);
  return isTheirs ? success([read.value.statement]) : refuse('signature-wrong', `${file} is not signed by the peer.`);
}

async function reconcile(
  opened: Opened,
  peer: PeerSettings,
  request: Extract<FederationRequest, { act: 'reconcile' }>,
  print: (line: string) => void,
): Promise<CoordinatorResult<boolean>> {
  const day = request.day ?? new Date(systemClock.nowMs()).toISOString().slice(0, 10);
  const from = startOf(day);
  if (!from.ok) return from;
  const theirs = await theirStatements(opened, peer, from.value, request.with);
  if (!theirs.ok) return theirs;
  if (theirs.value.length === 0) {
    return refuse('record-unknown', `Nothing of ${peer.name} is known about ${day}.`, {
      suggestion:
        'Ask for its statement and name the file with --with, or compare on the screen while the link stands.',
    });
  }
  const store = new SettlementStore(opened.database, systemClock);
  const differences: StatementDifference[] = [];
  let entries = 0;
  for (const { agreement_id: agreementId, from: start, to, entries: there } of theirs.value) {
    const key = { publicKey: peer.publicKey, agreementId };
    const here = await store.entries(key, opened.setup.signer.publicKey, toEpochMs(start), toEpochMs(to));
    entries += here.length;
    differences.push(...differencesOf(here, there));
  }
  for (const difference of differences) for (const line of differenceLines(difference)) print(line);
  print(`${day}: ${entries} entries here, ${differences.length} differences.`);
  return success(differences.length === 0);
}

/** An agreement with a peer: the one in its file, or one that was read from there before. */
async function agreementWith(
  store: PeerStore,
  peer: PeerSettings,
  id: string,
  ownKey: string,
): Promise<Agreement | null> {
  if (peer.agreement.id === id) return peer.agreement;
  const earlier = (await store.agreements(peer.publicKey)).find((one) => one.id === id);
  if (earlier === undefined) return null;
  const checked = checkEarlierAgreement(earlier, peer, ownKey);
  return checked.ok ? checked.value.agreement : null;
}

async function terminate(
  { database, setup }: Opened,
  file: string,
  print: (line: string) => void,
): Promise<CoordinatorResult<boolean>> {
  const json = await readJson(file);
  if (!json.ok) return json;
  const read = readTermination(json.value, nodeCryptography);
  if (!read.ok) return read;
  const store = new PeerStore(database, systemClock);
  let ended: CoordinatorResult<boolean> = refuse(
    'agreement-foreign',
    'The notice ends no agreement with a configured peer.',
  );
  for (const peer of setup.peers) {
    const agreement = await agreementWith(store, peer, read.value.agreement_id, setup.signer.publicKey);
    if (agreement === null) continue;
    // With another peer there may be another agreement of this id, or the same one.
    const notice = checkTermination(json.value, agreement, nodeCryptography);
    if (!notice.ok) {
      if (!ended.ok) ended = notice;
      continue;
    }
    await store.load(peer.publicKey, agreement.id);
    await store.end(peer.publicKey, notice.value);
    print(`The agreement ${agreement.id} with ${peer.name} ends at ${notice.value.effective_at}.`);
    ended = success(true);
  }
  return ended;
}

async function runOpened(
  opened: Opened,
  request: Exclude<FederationRequest, { act: 'key' }>,
  print: (line: string) => void,
): Promise<CoordinatorResult<boolean>> {
  if (request.act === 'peers') {
    await listPeers(opened, print);
    return success(true);
  }
  if (request.act === 'terminate') return terminate(opened, request.file, print);
  const peer = known(opened.setup, request.peer);
  if (!peer.ok) return peer;
  return request.act === 'statement'
    ? printStatements(opened, peer.value, request.day, print)
    : reconcile(opened, peer.value, request, print);
}

/**
 * Does what the command line asks, in the database of a coordinator that may be running or not.
 *
 * @returns false when ledgers differ
 */
export async function runFederationCommand(
  options: CoordinatorOptions,
  request: FederationRequest,
  print: (line: string) => void,
): Promise<CoordinatorResult<boolean>> {
  const config = readConfig(options);
  if (!config.ok) return config;
  if (request.act === 'key') {
    const signer = openFederationKey(config.value.federation.keyFile);
    if (!signer.ok) return signer;
    print(signer.value.publicKey);
    return success(true);
  }
  const setup = readFederation(config.value.federation);
  if (!setup.ok) return setup;
  const { value: federation } = setup;
  if (federation === null) {
    return refuse('federation-off', 'This coordinator is linked with no other.', {
      suggestion: 'Name peers in the setting federation.',
    });
  }
  const done = await withDatabase(databaseLocation(config.value), (database) =>
    runOpened({ database, setup: federation }, request, print),
  );
  return done.ok ? done.value : done;
}
