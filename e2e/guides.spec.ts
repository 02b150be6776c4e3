// The guides for operators, followed word for word on this machine: coordinators, nodes, a question, a session, statements.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { ownNetworkProblem } from '../scripts/own-network.mjs';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 16 * 1_024 * 1_024;

async function follow(guide: string): Promise<string> {
  const script = resolve(import.meta.dirname, '..', 'examples', `${guide}.sh`);
  // Remarks of the programs go to the other stream; here they belong where they were made.
  const { stdout } = await run('bash', ['-c', `"${script}" 2>&1`], { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

function expectNothingLeft(said: string): void {
  const problem = ownNetworkProblem();
  const counted = problem === null ? '0\n' : `not counted here, ${problem}\n`;
  expect(said).toContain(`packets that tried to leave this network: ${counted}`);
}

test.skip(process.platform !== 'linux', 'the guides are commands for the shell and the programs of Linux');

test('a private institution answers, holds a session, and nothing tries to leave its network', async () => {
  test.setTimeout(300_000);
  const said = await follow('private-institution');
  expect(said).toContain('I am a very small model with eight layers.');
  expect(said).toContain('2 Ada, by a model: ');
  expect(said).toContain('reading-group.tore3.json: Signatures that hold: 2');
  expect(said).toContain('"tore_cost":null');
  expectNothingLeft(said);
});

test('a public cooperative pays who computes, and its statement and ledger hold outside', async () => {
  test.setTimeout(300_000);
  const said = await follow('public-cooperative');
  expect(said).toContain('GFT is short for GigaFLOP-Token.');
  expect(said).toContain('"event_type":"issuance"');
  expect(said).toContain('"verdict": "confirmed"');
  expect(said).toContain('what-we-share.tore3.json: Signatures that hold: 2');
  expect(said).toMatch(/"chain_valid":true/);
  expect(said).toContain('ledger.jsonl hold');
  expectNothingLeft(said);
});

test('two institutions share: one answers for the other, and their books agree', async () => {
  test.setTimeout(300_000);
  const said = await follow('federation');
  expect(said).toContain('ab.tore2-agreement.json: Signatures that hold: 2');
  expect(said).toContain('A shard is a run of neighbouring transformer layers');
  expect(said).toContain('2 Ada, by a model: ');
  expect(said).toContain('between.tore3.json: Signatures that hold: 2');
  expect(said).toMatch(/consumed +2 requests/);
  expect(said).toMatch(/served +2 requests/);
  // Both found the same two entries, and none that differs.
  expect(said.match(/"state":"equal"/g)).toHaveLength(2);
  expect(said).not.toContain('"state":"differs"');
  expectNothingLeft(said);
});
