import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTore } from './program';
import { EXIT, processTerminal, type Terminal } from './terminal';

type Json = Record<string, unknown>;
const vectors = JSON.parse(readFileSync('schemas/vectors/ledger/checkpoints.json', 'utf8')) as {
  checkpoints: Json[];
  entries: Json[];
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-ledger-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const json = (name: string, value: unknown): string => file(name, JSON.stringify(value));
const exportOf = (name: string, entries: readonly Json[]): string =>
  file(name, entries.map((entry, index) => `${JSON.stringify({ seq: index + 1, ...entry })}\n`).join(''));

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

describe('tore verify of checkpoints', () => {
  it('takes one, a list, or what a coordinator publishes', async () => {
    const { checkpoints } = vectors;
    for (const value of [checkpoints[0], checkpoints, { checkpoints, total: 2 }]) {
      const { code, notes } = await verify(json('c.json', value));
      expect(code).toBe(EXIT.ok);
      expect(notes).toContain('--ledger FILE');
    }
    const [old, next] = checkpoints.map((one) => String((one['signature'] as Json)['key_id']));
    expect((await verify(json('c.json', checkpoints))).notes).toContain(`Signed by ${old}, then ${next}`);
    const forged = await verify(json('f.json', { ...checkpoints[0], entries: 3 }));
    expect(forged).toMatchObject({ code: EXIT.invalid, notes: expect.stringContaining('Not verified') });
  });

  it('says whether an export reaches them exactly', async () => {
    const chain = json('chain.json', vectors.checkpoints);
    const held = await verify(chain, '--ledger', exportOf('whole.jsonl', vectors.entries));
    expect(held).toMatchObject({ code: EXIT.ok, notes: expect.stringContaining('reach each of them exactly') });
    const [first, second, third] = vectors.entries as [Json, Json, Json];
    const cases: readonly [string, readonly Json[]][] = [
      ['some are missing', [first, second]],
      ['was changed after', [{ ...first, amount: 11 }, second, third]],
      ['does not begin with the first', [second, third]],
      ['does not follow', [first, third]],
    ];
    for (const [said, entries] of cases) {
      const refused = await verify(chain, '--ledger', exportOf('bad.jsonl', entries));
      expect(refused).toMatchObject({ code: EXIT.invalid, notes: expect.stringContaining(said) });
    }
    expect(await verify(chain, '--ledger', file('text.jsonl', 'hello\n'))).toMatchObject({ code: EXIT.invalid });
    expect(await verify(chain, '--ledger', file('long.jsonl', 'x'.repeat(1e6)))).toMatchObject({ code: EXIT.invalid });
    expect(await verify(chain, '--ledger', join(folder, 'none.jsonl'))).toMatchObject({ code: EXIT.io });
  });
});
