import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { success, type Result } from '../../protocol/result';
import type { CoordinatorConnection } from '../coordinator-client/coordinator-client';
import type { ReadTask, ReadVerdict } from '../coordinator-client/reading';
import { silentLogger } from '../logger';
import { NodeView } from '../node-view';
import { ManualClock } from '../test-doubles/manual-clock';
import { ChallengeDuty, MAX_ANSWERING } from './challenge-duty';
import { ChallengeHistory } from './challenge-history';

it('answers a bounded number of challenges at a time, and the next ones after them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tore-duty-'));
  const clock = new ManualClock();
  const view = new NodeView(clock, silentLogger);
  const history = new ChallengeHistory(folder, silentLogger);
  const duty = new ChallengeDuty(clock, view, history, { engine: null, served: null }, silentLogger, () => undefined);
  const verdicts: ((verdict: Result<ReadVerdict>) => void)[] = [];
  const connection = {
    submitTaskResult: () => new Promise<Result<ReadVerdict>>((resolve) => verdicts.push(resolve)),
  } as unknown as CoordinatorConnection;
  const task = (index: number): ReadTask => ({
    taskId: `task-${index}`,
    taskType: 'inference_challenge',
    prompt: 'p',
    modelId: 'm',
    range: { layer_start: 0, layer_end: 1 },
    flopsEstimated: 1,
    expiresAt: null,
    proof: null,
  });
  const answers = Array.from({ length: 500 }, (_, index) => duty.answer(connection, task(index), 'node'));
  expect(verdicts).toHaveLength(MAX_ANSWERING);
  for (const judge of verdicts) judge(success({ passed: true, status: null, reliability: 1, message: null }));
  await Promise.all(answers);
  const next = duty.answer(connection, task(1_000), 'node');
  expect(verdicts).toHaveLength(MAX_ANSWERING + 1);
  verdicts.at(-1)?.(success({ passed: true, status: null, reliability: 1, message: null }));
  await next;
  await duty.settled();
  await rm(folder, { recursive: true, force: true });
});
