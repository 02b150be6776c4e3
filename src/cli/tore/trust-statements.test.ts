import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signerOfSeed } from '../../keys/ed25519';
import { testParty } from '../../keys/testing/test-party';
import { testRecord } from '../../keys/testing/test-record';
import { runTore } from './program';
import { EXIT, processTerminal, type Terminal } from './terminal';

type Json = Record<string, unknown>;
const vectors = JSON.parse(readFileSync('schemas/vectors/trust/handshake.json', 'utf8')) as {
  agreement: Json;
  termination: Json;
  key_link: Json & { issued_at: string };
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-verify-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, value: unknown): string {
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

describe('tore verify', () => {
  it('follows the link from a replaced key, and refuses a forged one', async () => {
    const links = file('links.json', [vectors.key_link]);
    expect(await verify(links)).toMatchObject({ code: EXIT.ok, notes: expect.stringContaining('Both keys signed') });
    const forged = file('forged.json', { ...vectors.key_link, reason: 'Because.' });
    expect(await verify(forged)).toMatchObject({ code: EXIT.invalid });
    const agreement = file('a.tore2-agreement.json', vectors.agreement);
    expect(await verify(agreement, '--links', links)).toMatchObject({
      code: EXIT.ok,
      notes: expect.stringContaining('was replaced by'),
    });
  });

  it('does not take a record that was signed with a key after that was replaced', async () => {
    const links = file('links.json', [vectors.key_link]);
    const replacedMs = Date.parse(vectors.key_link.issued_at);
    const party = { ...testParty(1), signer: signerOfSeed(new Uint8Array(32).fill(1)) };
    const before = file('before.tore2-discovery.json', testRecord(party, replacedMs - 60_000));
    const after = file('after.tore2-discovery.json', testRecord(party, replacedMs + 60_000));
    expect(await verify(before, '--links', links)).toMatchObject({ code: EXIT.ok });
    expect(await verify(after)).toMatchObject({ code: EXIT.ok });
    expect(await verify(after, '--links', links)).toMatchObject({ code: EXIT.invalid });
  });

  it('checks the end of an agreement against the agreement', async () => {
    const [agreement, notice] = [file('a.json', vectors.agreement), file('t.json', vectors.termination)];
    expect(await verify(notice)).toMatchObject({ code: EXIT.ok });
    expect(await verify(notice, '--agreement', agreement)).toMatchObject({
      code: EXIT.ok,
      notes: expect.stringContaining('A party of it'),
    });
    const altered = file('x.json', { ...vectors.termination, effective_at: '2030-01-01T00:00:00.000Z' });
    expect(await verify(altered)).toMatchObject({ code: EXIT.invalid });
    const other = file('o.json', { ...vectors.agreement, id: 'another' });
    expect((await verify(notice, '--agreement', other)).code).toBe(EXIT.invalid);
  });
});
