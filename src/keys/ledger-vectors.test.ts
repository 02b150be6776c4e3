import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import {
  checkpointHash,
  NO_HASH,
  readCheckpoints,
  signCheckpoint,
  type LedgerCheckpoint,
} from '../protocol/compute/ledger-checkpoint';
import { ledgerEntryText, type HashedEntry } from '../protocol/compute/ledger-text';
import { LedgerWalk } from '../protocol/compute/ledger-walk';
import { toMicroGft, toWireGft } from '../protocol/compute/micro-gft';
import type { LedgerEntry } from '../protocol/compute/http/tokens';
import { signKeyLink } from '../protocol/trust/key-link';
import { nodeCryptography as cryptography, signerOfSeed } from './ed25519';

const FILE = 'schemas/vectors/ledger/checkpoints.json';
const COORDINATOR = '01957000-0000-7000-8000-0000000000c0';
const OLD = signerOfSeed(new Uint8Array(32).fill(1));
const NEW = signerOfSeed(new Uint8Array(32).fill(2));

function entriesOf(drafts: readonly Pick<LedgerEntry, 'event_type' | 'amount' | 'reason'>[]): LedgerEntry[] {
  let previous_hash = NO_HASH;
  return drafts.map((draft, index) => {
    const entry: HashedEntry = {
      id: `01957000-0000-7000-8000-00000000000${index + 1}`,
      node_id: '01957000-0000-7000-8000-0000000000a1',
      task_id: null,
      flops_delivered: draft.amount > 0 ? 1234567890.5 : null,
      hardware_multiplier: draft.amount > 0 ? 0.1 : null,
      reliability_factor: draft.amount > 0 ? 1 : null,
      inference_request_id: 'r-1',
      flops_consumed: null,
      previous_hash,
      timestamp: `2026-03-01T10:00:0${index}.000Z`,
      expires_at: null,
      ...draft,
    };
    previous_hash = createHash('sha256').update(ledgerEntryText(entry)).digest('hex');
    return { ...entry, entry_hash: previous_hash };
  });
}

/** A ledger of three entries, a checkpoint after two of them, and one after all by a new key. */
function buildVectors(): { checkpoints: LedgerCheckpoint[]; entries: LedgerEntry[] } {
  const entries = entriesOf([
    { event_type: 'purchase', amount: 10, reason: 'Açılış "grant" \u{1F331}' },
    { event_type: 'issuance', amount: 0.000001, reason: null },
    { event_type: 'redemption', amount: -2.5, reason: null },
  ]);
  const supplyOf = (count: number): number =>
    toWireGft(entries.slice(0, count).reduce((sum, { amount }) => sum + toMicroGft(amount), 0));
  const first = signCheckpoint(
    {
      coordinator_id: COORDINATOR,
      number: 1,
      entries: 2,
      head_hash: entries[1]?.entry_hash ?? '',
      supply: supplyOf(2),
      issued_at: '2026-03-01T11:00:00.000Z',
      previous_hash: NO_HASH,
    },
    OLD,
    cryptography,
  );
  const hash = checkpointHash(first, cryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const link = signKeyLink(
    {
      tore_spec: 'tore-0002',
      type: 'key-link',
      id: '01957000-0000-7000-8000-0000000000d1',
      node_id: COORDINATOR,
      issued_at: '2026-03-01T12:00:00.000Z',
      metadata: {},
    },
    { old: OLD, new: NEW },
    cryptography,
  );
  const second = signCheckpoint(
    {
      coordinator_id: COORDINATOR,
      number: 2,
      entries: 3,
      head_hash: entries[2]?.entry_hash ?? '',
      supply: supplyOf(3),
      issued_at: '2026-03-01T12:00:00.000Z',
      previous_hash: hash.value,
      key_link: link,
    },
    NEW,
    cryptography,
  );
  return { checkpoints: [first, second], entries };
}

it('publishes vectors of checkpoints that are what this program signs, and that hold', () => {
  const built = buildVectors();
  if (process.env['TORE_WRITE_VECTORS'] === '1' || !existsSync(FILE)) {
    writeFileSync(FILE, `${JSON.stringify(built, null, 2)}\n`);
  }
  const published = JSON.parse(readFileSync(FILE, 'utf8')) as typeof built;
  expect(published).toEqual(JSON.parse(JSON.stringify(built)));
  const read = readCheckpoints(published.checkpoints, cryptography);
  if (!read.ok) throw new Error(read.error.message);
  const walk = new LedgerWalk(read.value, cryptography);
  for (const entry of published.entries) expect(walk.take(entry)).toMatchObject({ ok: true });
  expect(walk.end()).toEqual({ ok: true, value: 3 });
  const schema = JSON.parse(readFileSync('schemas/tore-0001-ledger-checkpoint.schema.json', 'utf8')) as object;
  const fits = new Ajv2020({ strict: true, allowUnionTypes: false }).compile(schema);
  for (const checkpoint of published.checkpoints) expect(fits(checkpoint)).toBe(true);
  expect(fits({ ...published.checkpoints[0], number: 0 })).toBe(false);
});
