import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { open as openZip } from 'yauzl';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyView } from '../../../contract/policy';
import { DEFAULT_SETTINGS } from '../../../contract/settings';
import type { ForwardRequest } from '../../../inference';
import { LocalEngine } from '../../../inference/engine/local-engine';
import type { StartEngine } from '../../../node';
import { NO_NODE_FACTS, type NodeSnapshot } from '../../../protocol/compute/node-snapshot';
import { failure, success, type Result } from '../../../protocol/result';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { GOLDEN } from './golden-answer';
import { ProblemReports } from './problem-report';
import { SelfTest, type SelfTestOptions } from './self-test';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-support-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const root = resolve(import.meta.dirname, '../../../..');
const node: NodeSnapshot = {
  ...NO_NODE_FACTS,
  state: { kind: 'serving', modelId: 'tiny', range: { layer_start: 0, layer_end: 1 } },
  nodeId: 'node-of-mine-1',
  publicKey: 'MCowBQYDK2VwAyEA9f2k1Jx0aQ==',
  coordinator: {
    url: 'https://tore.campus.example',
    name: 'Campus',
    version: '1.2',
    transport: 'http',
    tokenMode: true,
  },
  tokensPerSecond: null,
};

const startEngine: StartEngine = async () =>
  success({ engine: new LocalEngine(), exited: new Promise<string>(() => undefined) });

/** The files of an archive, in its order. */
function filesOf(path: string): Promise<readonly { name: string; text: string }[]> {
  return new Promise((fulfil, reject) => {
    const files: { name: string; text: string }[] = [];
    openZip(path, { lazyEntries: true }, (failed, zip) => {
      if (failed) return reject(failed);
      zip.on('end', () => fulfil(files));
      zip.on('error', reject);
      zip.on('entry', (entry) => {
        zip.openReadStream(entry, (broken, stream) => {
          if (broken) return reject(broken);
          void text(stream).then((content) => {
            files.push({ name: entry.fileName, text: content });
            zip.readEntry();
          }, reject);
        });
      });
      zip.readEntry();
    });
  });
}

/** Gives every token, and none of its text. */
class MumblingEngine extends LocalEngine {
  override async forward(request: ForwardRequest): ReturnType<LocalEngine['forward']> {
    const output = await super.forward(request);
    if (!output.ok || output.value.kind !== 'token') return output;
    return success({ ...output.value, tokens: output.value.tokens.map((token) => ({ ...token, text: '?' })) });
  }
}

function policy(changes: { watts?: number | null; unreadable?: PolicyView['unreadable'] } = {}): PolicyView {
  return {
    surroundings: { watts: changes.watts ?? null },
    unreadable: changes.unreadable ?? [],
  } as unknown as PolicyView;
}

function selfTest(changes: Partial<SelfTestOptions> = {}): SelfTest {
  return new SelfTest({
    startEngine,
    modelFolder: join(root, 'resources/models/tore-tiny'),
    cacheFolder: join(folder, 'shards'),
    dataFolder: folder,
    node: () => node,
    fetchJson: async (): Promise<Result<unknown>> => success([]),
    policy: () => policy({ watts: 18.4 }),
    graphicsWatts: () => null,
    timers: new ManualTimers(),
    ...changes,
  });
}

const verdicts = (test: SelfTest): Record<string, string> =>
  Object.fromEntries(test.view.checks.map(({ name, verdict }) => [name, verdict]));

describe('the self-test', () => {
  it('knows the answer an independent implementation computed', async () => {
    const golden = JSON.parse(await readFile(join(root, 'src/inference/testdata/golden.json'), 'utf8')) as {
      cases: { messages: { content: string }[]; greedy_text: string }[];
    };
    const found = golden.cases.find(({ messages }) => messages[0]?.content === GOLDEN.question);
    expect(found?.greedy_text).toBe(GOLDEN.answer);
  });

  it('passes on a computer where all is well, and leaves nothing behind', async () => {
    const test = selfTest();
    await test.run();
    expect(verdicts(test)).toEqual({
      engine: 'good',
      answer: 'good',
      coordinator: 'good',
      disk: 'good',
      power: 'good',
      readings: 'good',
    });
    expect(test.view).toMatchObject({ running: false, finishedAt: '2026-01-01T12:00:00.000Z' });
    expect(test.view.checks.find(({ name }) => name === 'power')?.facts).toEqual({ watts: 18 });
    expect((await readdir(folder)).filter((name) => name.startsWith('self-test'))).toEqual([]);
  });

  it('says what is wrong and goes on with the rest', async () => {
    const test = selfTest({
      startEngine: async () => failure('engine-start-failed', 'The engine’s program is missing.'),
      fetchJson: async () => failure('unreachable', 'Nobody answers.', { retryable: true }),
      policy: () => policy({ unreadable: [{ what: 'idle', why: 'This desktop does not tell.' }] }),
    });
    await test.run();
    expect(verdicts(test)).toEqual({
      engine: 'bad',
      answer: 'bad',
      coordinator: 'bad',
      disk: 'good',
      power: 'warning',
      readings: 'warning',
    });
    expect(test.view.checks[0]?.failure?.message).toBe('The engine’s program is missing.');
  });

  it('notices a wrong answer', async () => {
    const test = selfTest({
      startEngine: async () => success({ engine: new MumblingEngine(), exited: new Promise<string>(() => undefined) }),
    });
    await test.run();
    expect(verdicts(test)['answer']).toBe('bad');
  });

  it('can be cancelled', async () => {
    const test = selfTest({
      fetchJson: async () => {
        test.cancel();
        return success([]);
      },
    });
    await test.run();
    expect(test.view).toMatchObject({ running: false, finishedAt: null });
    expect(verdicts(test)['disk']).toBe('waiting');
  });
});

describe('a report of a problem', () => {
  const SECRET = 'sk-live-0123456789abcdef';

  async function reports(saveAs: string | null) {
    const logFile = join(folder, 'main.log');
    await writeFile(logFile, `{"msg":"GET https://tore.campus.example/x","token":"${SECRET}","home":"/home/ayse/x"}\n`);
    return new ProblemReports({
      versions: { app: '0.1.0' },
      settings: () => ({
        ...DEFAULT_SETTINGS,
        region: 'TR',
        coordinator: { kind: 'remote', url: 'https://tore.campus.example' },
        contribution: { ...DEFAULT_SETTINGS.contribution, modelFolder: '/home/ayse/models/mine' },
        policy: { ...DEFAULT_SETTINGS.policy, exclusivePrograms: ['private-game'] },
      }),
      node: () => node,
      selfTest: () => ({ running: false, finishedAt: null, checks: [] }),
      events: async () =>
        success({
          entries: [{ id: 1, at: '2026-01-01T00:00:00.000Z', kind: 'connection', text: 'Connected to Campus.' }],
          matching: 1,
          kept: 1,
        }),
      logFile,
      privateWords: () => ({
        homeFolder: '/home/ayse',
        userName: 'ayse',
        hostName: 'ayse-laptop',
        others: ['tore.campus.example', 'Campus', 'node-of-mine-1'],
      }),
      saveFile: async () => saveAs,
      timers: new ManualTimers(),
    });
  }

  it('holds no secret, name, path or address, and says what it holds', async () => {
    const { files } = await (await reports(null)).prepare('');
    expect(files.map(({ name }) => name)).toEqual([
      'versions.json',
      'computer.json',
      'settings.json',
      'self-test.json',
      'events.txt',
      'log.txt',
    ]);
    const all = files.map(({ text }) => text).join('\n');
    for (const secret of [SECRET, 'campus', 'ayse', 'node-of-mine', 'MCowBQ', 'private-game', '"TR"']) {
      expect(all.toLowerCase()).not.toContain(secret.toLowerCase());
    }
    expect(all).toContain('"modelFolder": "own folder"');
    expect(all).toContain('Connected to <private>.');
  });

  it('is saved exactly as it was shown', async () => {
    const path = join(folder, 'report.zip');
    const subject = await reports(path);
    const view = await subject.prepare('It stops after a minute.');
    await writeFile(join(folder, 'main.log'), 'written after the report was shown\n');
    expect(await subject.save(view.id)).toEqual({ ok: true, value: { path } });
    const saved = await filesOf(path);
    expect(saved).toEqual(view.files);
    expect(saved[0]).toEqual({ name: 'description.txt', text: 'It stops after a minute.\n' });
    expect((await readdir(folder)).sort()).toEqual(['main.log', 'report.zip']);
  });

  it('that is no longer on show is not saved', async () => {
    const subject = await reports(join(folder, 'report.zip'));
    const first = await subject.prepare('');
    await subject.prepare('another');
    expect(await subject.save(first.id)).toMatchObject({ ok: false, error: { code: 'report-outdated' } });
    expect(await readdir(folder)).toEqual(['main.log']);
  });
});
