import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChallengeRecord } from '../../protocol/compute/node-snapshot';
import { silentLogger } from '../logger';
import { ChallengeHistory } from './challenge-history';

const record: ChallengeRecord = {
  taskId: 'task-1',
  modelId: 'tore-tiny',
  range: { layer_start: 0, layer_end: 3 },
  receivedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 12,
  verdict: 'passed',
  message: '',
};

describe('the history of challenges', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tore-challenges-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is empty at first and outlives the program', async () => {
    const first = new ChallengeHistory(folder, silentLogger);
    expect(await first.read()).toEqual({ ok: true, value: [] });
    first.keep([record]);
    first.keep([{ ...record, taskId: 'task-2' }, record]);
    await first.settled();
    const second = await new ChallengeHistory(folder, silentLogger).read();
    expect(second).toEqual({ ok: true, value: [{ ...record, taskId: 'task-2' }, record] });
  });

  it('outlives the program with the longest words of a coordinator in it', async () => {
    const records = Array.from({ length: 200 }, (_, index) => ({
      ...record,
      taskId: `task-${index}`,
      message: '\u0001'.repeat(2_000),
    }));
    const first = new ChallengeHistory(folder, silentLogger);
    first.keep(records);
    await first.settled();
    expect(await new ChallengeHistory(folder, silentLogger).read()).toEqual({ ok: true, value: records });
  });

  it.each([
    ['not JSON', '{'],
    ['another shape', '[{"taskId":1}]'],
  ])('says when the file is damaged: %s', async (_, text) => {
    await writeFile(join(folder, 'challenges.json'), text);
    expect(await new ChallengeHistory(folder, silentLogger).read()).toMatchObject({
      ok: false,
      error: { code: 'data-unreadable' },
    });
  });
});
