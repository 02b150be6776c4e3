import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { signSettlement } from '../../protocol/federation/settlement';
import { signFederationStatement, statementOf, type StatementEntry } from '../../protocol/federation/statement';
import { agreementHash } from '../../protocol/trust/termination';
import { systemClock } from '../clock';
import { SettlementStore } from '../federation/settlement-store';
import { openDatabase } from '../storage/open-database';
import { withNewKey } from '../../keys/testing/test-party';
import {
  federationFiles,
  federationOptions,
  PARTY_A,
  terminationOf,
  type FederationFiles,
} from '../testing/federation-pair';
import { runFederationCommand, type FederationRequest } from './federation-commands';

const DAY = '2026-03-01';
const B = 'Coordinator B';

let files: FederationFiles;
let databaseFile: string;
beforeEach(async () => {
  files = await federationFiles();
  databaseFile = join(dirname(files.a.agreementFile), 'a.db');
  const opened = await openDatabase(databaseFile);
  if (opened.ok) await opened.value.destroy();
});
afterEach(() => files.remove());

async function run(request: FederationRequest): Promise<{ result: unknown; lines: string[] }> {
  const lines: string[] = [];
  const options = { databaseFile, ...federationOptions(files, 'a', null) };
  const result = await runFederationCommand(options, request, (line) => lines.push(line));
  return { result, lines };
}

/** Books what A asked of B, as if it had been served. */
async function book(requestId: string, amount: number): Promise<StatementEntry> {
  const opened = await openDatabase(databaseFile);
  if (!opened.ok) throw new Error(opened.error.message);
  const settlement = signSettlement(
    {
      agreement_id: files.agreement.id,
      request_id: requestId,
      served_by: files.b.signer.publicKey,
      served_for: files.a.signer.publicKey,
      model_id: 'm',
      precision: 'fp16',
      input_tokens: 1,
      output_tokens: 2,
      finish_reason: 'stop',
      amount,
      unit: 'node-hours',
      settled_at: `${DAY}T10:00:00.000Z`,
      server_ref: `server-${requestId}`,
    },
    files.b.signer,
    nodeCryptography,
  );
  const store = new SettlementStore(opened.value, systemClock);
  await opened.value.transaction().execute((transaction) =>
    store.book(transaction, files.b.signer.publicKey, 'consumed', settlement, {
      entryRef: `consumer-${requestId}`,
      ledgerRef: null,
    }),
  );
  await opened.value.destroy();
  const { request_id, served_by, model_id, input_tokens, output_tokens, settled_at, server_ref } = settlement;
  const facts = { request_id, served_by, model_id, input_tokens, output_tokens, settled_at, server_ref };
  return { ...facts, amount, consumer_ref: `consumer-${requestId}` };
}

async function statementOfB(entries: readonly StatementEntry[]): Promise<string> {
  const hash = agreementHash(files.agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const statement = statementOf(
    {
      id: 'statement-of-b',
      agreement_id: files.agreement.id,
      agreement_hash: hash.value,
      coordinators: [files.a.signer.publicKey, files.b.signer.publicKey],
      unit: 'node-hours',
      from: `${DAY}T00:00:00.000Z`,
      to: '2026-03-02T00:00:00.000Z',
      issued_at: '2026-03-02T00:02:00.000Z',
    },
    entries,
  );
  const path = join(dirname(files.a.agreementFile), 'of-b.json');
  await writeFile(path, JSON.stringify(signFederationStatement(statement, files.b.signer, nodeCryptography)));
  return path;
}

describe('tore-coordinator federation', () => {
  it('prints the key, and the peers with what was settled', async () => {
    expect((await run({ act: 'key' })).lines).toEqual([files.a.signer.publicKey]);
    await book('r1', 0.5);
    const { lines } = await run({ act: 'peers' });
    expect(lines.join('\n')).toMatch(/Coordinator B {2}\S+=\n[\s\S]*consumed +1 requests, 0\.5 node-hours/);
  });

  it('shows by entry where the ledgers differ, and that they agree where they do', async () => {
    const entries = [await book('r1', 0.5), await book('r2', 0.25)];
    const equal = await run({ act: 'reconcile', peer: B, day: DAY, with: await statementOfB(entries) });
    expect(equal).toEqual({ result: { ok: true, value: true }, lines: [`${DAY}: 2 entries here, 0 differences.`] });
    const [first] = entries;
    const dearer = [{ ...(first as StatementEntry), amount: 0.75 }];
    const differs = await run({ act: 'reconcile', peer: B, day: DAY, with: await statementOfB(dearer) });
    expect(differs.result).toEqual({ ok: true, value: false });
    expect(differs.lines).toEqual([
      'r1',
      expect.stringContaining('here:  0.5 for 1 and 2 tokens of m, booked server-r1 and consumer-r1'),
      expect.stringContaining('there: 0.75 for'),
      'r2',
      expect.stringContaining('here:  0.25'),
      expect.stringContaining('there: nothing'),
      `${DAY}: 2 entries here, 2 differences.`,
    ]);
  });

  it('says what is missing, and takes no wrong statement, peer or day', async () => {
    const path = await statementOfB([]);
    const cases: [FederationRequest, string][] = [
      [{ act: 'statement', peer: B, day: null }, 'record-unknown'],
      [{ act: 'statement', peer: 'nobody', day: null }, 'peer-unknown'],
      [{ act: 'reconcile', peer: B, day: '2026-02-30', with: path }, 'config-invalid'],
      [{ act: 'reconcile', peer: B, day: DAY, with: null }, 'record-unknown'],
      [{ act: 'reconcile', peer: B, day: DAY, with: files.a.agreementFile }, 'message-invalid'],
      [{ act: 'terminate', file: files.a.agreementFile }, 'message-invalid'],
    ];
    for (const [request, code] of cases) {
      expect([request, (await run(request)).result]).toMatchObject([request, { ok: false, error: { code } }]);
    }
  });

  it('ends an agreement with the notice of a party', async () => {
    const file = join(dirname(files.a.agreementFile), 'end.json');
    const replaced = withNewKey(PARTY_A, 91);
    await writeFile(file, JSON.stringify(terminationOf(files.agreement, '2026-02-02T00:00:00.000Z', replaced)));
    expect((await run({ act: 'terminate', file })).lines).toEqual([expect.stringContaining('2026-02-02')]);
    expect((await run({ act: 'peers' })).lines).toContain('  terminated   at 2026-02-02T00:00:00.000Z');
  });
});
