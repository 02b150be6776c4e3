import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTore } from './program';
import { EXIT, processTerminal, type Terminal } from './terminal';

type Json = Record<string, unknown>;
const vectors = JSON.parse(readFileSync('schemas/vectors/federation/link.json', 'utf8')) as {
  statement: Json & { entries: Json[]; signatures: Json[] };
  agreement: Json & { terms: Json };
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-federation-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function json(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

async function verify(...args: string[]): Promise<{ code: number; notes: string }> {
  let notes = '';
  const terminal: Terminal = {
    ...processTerminal,
    note: (line) => {
      notes += `${line}\n`;
    },
  };
  return { code: await runTore(['verify', ...args], '1.2.3', terminal), notes };
}

describe('tore verify of a statement of two coordinators', () => {
  it('takes one that both signed, alone and with its agreement', async () => {
    const statement = json('statement.json', vectors.statement);
    const alone = await verify(statement);
    expect([alone.code, alone.notes]).toEqual([EXIT.ok, expect.stringContaining('served 2 for 0.25034 node-hours')]);
    const agreement = json('agreement.json', vectors.agreement);
    const both = await verify(statement, '--agreement', agreement);
    expect([both.code, both.notes]).toEqual([EXIT.ok, expect.stringContaining('act for the parties')]);
  });

  it('refuses one that was changed, that one side signed, or that is under another agreement', async () => {
    const { statement } = vectors;
    const entry = { ...statement.entries[0], amount: 0.2 };
    const cases: [Json, string][] = [
      [{ ...statement, unit: 'GFT' }, 'does not hold'],
      [{ ...statement, entries: [entry] }, 'not the sums'],
      [{ ...statement, entries: [...statement.entries, ...statement.entries] }, 'twice'],
      [{ ...statement, to: '2026-03-01T01:00:00.000Z' }, 'outside the time'],
      [{ ...statement, signatures: statement.signatures.slice(0, 1) }, 'signed by both'],
    ];
    for (const [changed, why] of cases) {
      const answer = await verify(json('changed.json', changed));
      expect([answer.code, answer.notes]).toEqual([EXIT.invalid, expect.stringContaining(why)]);
    }
    const other = JSON.parse(readFileSync('schemas/vectors/trust/handshake.json', 'utf8')) as { agreement: Json };
    const path = json('statement.json', statement);
    const foreign = await verify(path, '--agreement', json('other.json', other.agreement));
    expect([foreign.code, foreign.notes]).toEqual([EXIT.invalid, expect.stringContaining('another agreement')]);
  });
});
