import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCoordinator, type Coordinator } from '../../coordinator';
import { LocalEngine } from '../../inference/engine/local-engine';
import { ContributorNode, DEFAULT_ACTIVATION_SERVER, DEFAULT_RUN_PREFERENCES, fileSecretStore } from '../../node';
import { testHardware } from '../../node/test-doubles/test-hardware';
import { success } from '../../protocol/result';
import { runTore } from '../tore/program';
import { EXIT, processTerminal, STREAM, type Terminal } from '../tore/terminal';
import { runToreSession } from './program';

/* The program against a real coordinator and one real node with the model that ships with the app. */

const MODEL_FOLDER = resolve(import.meta.dirname, '../../../resources/models/tore-tiny');
const NOBODY = '01900000-0000-7000-8000-000000000000';

let folder = '';
let url = '';
let coordinator: Coordinator;
let node: ContributorNode;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-session-'));
  coordinator = createCoordinator({
    port: 0,
    databaseFile: join(folder, 'coordinator.sqlite'),
    accessToken: 'a-secret-token',
    modelFolders: [MODEL_FOLDER],
    openingGrantMicroGft: 5_000_000,
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  ({ url } = started.value);
  node = new ContributorNode({
    dataFolder: join(folder, 'ada'),
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, 'ada', 'node.key')),
    startEngine: () =>
      Promise.resolve(success({ engine: new LocalEngine(), exited: new Promise<string>(() => undefined) })),
    hardwareReader: testHardware,
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      coordinatorUrl: url,
      accessToken: 'a-secret-token',
      modelFolder: MODEL_FOLDER,
      modelId: null,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      layerChoice: { kind: 'automatic' },
    },
    readings: { consent: true },
  });
  node.start();
  await vi.waitUntil(() => node.snapshot().state.kind === 'serving', { timeout: 50_000 });
}, 60_000);
afterAll(async () => {
  await node.stop();
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly notes: string;
}

/** Collects the streams of one run; files are real. */
async function collect(run: (terminal: Terminal) => Promise<number>, input: string | Uint8Array = ''): Promise<Ended> {
  let out = '';
  let notes = '';
  const code = await run({
    read: (path) =>
      path === STREAM
        ? Promise.resolve(success(typeof input === 'string' ? Buffer.from(input) : input))
        : processTerminal.read(path),
    write: (path, text, options) => {
      if (path !== STREAM) return processTerminal.write(path, text, options);
      out += text;
      return Promise.resolve(success(null));
    },
    note: (line) => (notes += `${line}\n`),
  });
  return { code, out: out.trimEnd(), notes };
}

/** Runs the program for somebody with a data folder of their own. */
function session(who: string, args: readonly string[], input: string | Uint8Array = ''): Promise<Ended> {
  const given = ['--data-folder', join(folder, who), '--name', who, ...args];
  const environment = { TORE_COORDINATOR: url, TORE_ACCESS_TOKEN: 'a-secret-token', TORE_LOG_LEVEL: 'silent' };
  return collect((terminal) => runToreSession(given, environment, '1.2.3', terminal), input);
}

describe('tore-session', () => {
  it('explains itself and refuses what it does not know', async () => {
    expect((await session('ada', ['--help'])).out).toContain('tore-session open TITLE');
    expect(await session('ada', ['--version'])).toMatchObject({ code: EXIT.ok, out: '1.2.3' });
    for (const args of [
      [],
      ['constructor'],
      ['open'],
      ['say', 'x'],
      ['open', 'T', '--colour'],
      ['invite', 'x', '--uses', '0'],
    ]) {
      expect({ args, ...(await session('ada', args)) }).toMatchObject({ args, code: EXIT.usage });
    }
    const nowhere = await collect((terminal) => runToreSession(['list'], {}, '1.2.3', terminal));
    expect(nowhere).toMatchObject({ code: EXIT.usage, notes: expect.stringContaining('--coordinator') });
  });

  it('opens, invites, joins, writes, asks a model, reads and exports what verifies without a network', async () => {
    const opened = await session('ada', ['open', 'Shards']);
    expect(opened).toMatchObject({ code: EXIT.ok });
    const id = opened.out;
    const invited = await session('ada', ['invite', id]);
    expect(invited.out).toMatch(/^tore:\/\/session\//);
    expect(await session('ben', ['join', invited.out])).toMatchObject({ code: EXIT.ok, out: id });
    expect(await session('ben', ['say', id, 'Who are you?'])).toMatchObject({ code: EXIT.ok, out: '1' });
    const asked = await session('ada', ['ask', id, 'tore-tiny', '--max-tokens', '12', '--json']);
    expect(asked).toMatchObject({ code: EXIT.ok, notes: '' });
    const answer = JSON.parse(asked.out) as { seq: number; author: string; inference_cost: { ledger_ref: string } };
    expect(answer).toMatchObject({ seq: 2, author: 'model', inference_cost: { unit: 'GFT', model_id: 'tore-tiny' } });
    expect(await session('ada', ['say', id, '-'], 'Thank you.\n')).toMatchObject({ code: EXIT.ok, out: '3' });
    const noText = await session('ada', ['say', id, '-'], Uint8Array.of(0x48, 0xc3, 0x28));
    expect(noText).toMatchObject({ code: EXIT.usage, notes: expect.stringContaining('nothing was posted') });
    const read = await session('ben', ['read', id]);
    expect(read.out.split('\n')).toEqual([
      '1 ben: Who are you?',
      expect.stringContaining(`ledger entry ${answer.inference_cost.ledger_ref}`),
      '3 ada: Thank you.',
    ]);
    expect((await session('ben', ['list'])).out).toContain(`${id} Shards (open, 3 turns)`);
    const statement = JSON.parse((await session('ben', ['statement', id])).out) as { checked: unknown };
    expect(statement).toMatchObject({ session_id: id, totals: [{ unit: 'GFT', turns: 1 }] });
    expect(statement.checked).toEqual([{ seq: 2, verdict: 'confirmed' }]);
    const file = join(folder, 'shards.tore3.json');
    expect(await session('ben', ['export', id, file])).toMatchObject({ code: EXIT.ok });
    expect(await collect((terminal) => runTore(['verify', file], '1.2.3', terminal))).toMatchObject({ code: EXIT.ok });
  });

  it('says what the host refuses, and leaves nothing of it to be sent again', async () => {
    const id = (await session('ada', ['open', 'Quiet'])).out;
    const { out: link } = await session('ada', ['invite', id, '--observer']);
    await session('eve', ['join', link]);
    const refused = await session('eve', ['say', id, 'May I?']);
    expect(refused).toMatchObject({ code: EXIT.invalid, out: '' });
    expect(refused.notes).not.toBe('');
    expect((await session('ada', ['read', id])).out).toBe('');
    expect((await session('eve', ['list'])).notes).toBe('');
    const used = await session('fay', ['join', link]);
    expect(used).toMatchObject({ code: EXIT.invalid, out: '' });
    expect(await session('eve', ['read', NOBODY])).toMatchObject({ code: EXIT.invalid });
    expect(await session('ada', ['ask', id, 'no-such-model'])).toMatchObject({
      code: EXIT.invalid,
      notes: expect.stringContaining('tore-tiny'),
    });
  });

  it('asks no model with a key the coordinator does not know as a node', async () => {
    const id = (await session('ben', ['open', 'Ben alone'])).out;
    const asked = await session('ben', ['ask', id, 'tore-tiny']);
    expect(asked).toMatchObject({ code: EXIT.invalid, notes: expect.stringContaining('Start tore-node') });
  });

  it('shows nothing that would move the cursor of a terminal', async () => {
    const id = (await session('ada', ['open', 'Colours'])).out;
    await session('ada', ['say', id, 'red \u001b[31m and back\u0008\u202e']);
    expect((await session('ada', ['read', id])).out).toBe('1 ada: red \ufffd[31m and back\ufffd\ufffd');
  });

  it('takes turns with another command of the same folder, and clears what a killed one left', async () => {
    const id = (await session('ada', ['open', 'Busy'])).out;
    const said = await Promise.all(['a', 'b', 'c'].map((text) => session('ada', ['say', id, text])));
    expect(said.map(({ out }) => out).sort()).toEqual(['1', '2', '3']);
    await mkdir(join(folder, 'gus'), { recursive: true });
    // No process has this number: Linux gives none above four million.
    await writeFile(join(folder, 'gus', 'sessions.lock'), '999999999');
    expect(await session('gus', ['list'])).toMatchObject({ code: EXIT.ok });
    await expect(readFile(join(folder, 'gus', 'sessions.lock'))).rejects.toThrow('ENOENT');
  });

  it('says so when the coordinator cannot be reached', async () => {
    const args = ['--data-folder', join(folder, 'far'), 'open', 'T', '--coordinator', 'http://127.0.0.1:9'];
    const far = await collect((terminal) => runToreSession(args, { TORE_LOG_LEVEL: 'silent' }, '1.2.3', terminal));
    expect(far).toMatchObject({ code: EXIT.invalid, out: '' });
    expect(far.notes).not.toBe('');
  });
});
