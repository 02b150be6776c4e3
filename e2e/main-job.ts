// The main job in a window, whichever way the app was started: one computer is a cooperative, a second process completes
// the model, both earn.
import type { Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ask,
  completeWelcome,
  goldenCase,
  layerTile,
  openScreen,
  READY_TIMEOUT_MS,
  readJoinDetails,
  serveLayers,
  type JoinDetails,
} from './actions';
import { expect, test, type ToreApp } from './fixtures';
import { startHeadlessNode, type HeadlessNode } from './headless-node';

const QUESTION = 'What is a shard?';
const LONG_QUESTION = 'tell me a story about Ada';

interface Balance {
  node_id: string;
  balance: number;
  total_earned: number;
  total_spent: number;
}

async function read<Answer>(details: JoinDetails, path: string): Promise<Answer> {
  const response = await fetch(new URL(path, details.url), {
    headers: { authorization: `Bearer ${details.accessToken}` },
  });
  expect(response.status, path).toBe(200);
  return (await response.json()) as Answer;
}

/** Keeps every text the newest answer showed, so that streaming can be told from one final paint. */
async function recordAnswerTexts(window: Page): Promise<() => Promise<string[]>> {
  await window.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seenAnswerTexts: seen });
    new MutationObserver(() => {
      const answers = document.querySelectorAll('[data-testid="answer-text"]');
      const text = answers[answers.length - 1]?.textContent ?? '';
      if (text !== '' && text !== seen.at(-1)) seen.push(text);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () => window.evaluate(() => (globalThis as unknown as { seenAnswerTexts: string[] }).seenAnswerTexts);
}

/** The part of a running app the job needs. */
export type JobWindow = Pick<ToreApp, 'window' | 'screenshot'>;

/** First start: this computer alone serves the model and answers. */
export async function serveAlone(tore: JobWindow): Promise<void> {
  const { window } = tore;
  // The longest answer: on a fast machine the window shows several tokens at once, and a short one in few steps.
  const golden = await goldenCase(LONG_QUESTION);
  await completeWelcome(window);
  for (let layer = 0; layer < 8; layer += 1)
    await expect(layerTile(window, layer)).toHaveAttribute('data-holder', 'mine');

  await openScreen(window, 'chat');
  const texts = await recordAnswerTexts(window);
  await ask(window, LONG_QUESTION);
  await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, { timeout: READY_TIMEOUT_MS });
  const steps = await texts();
  expect(steps.length, 'the answer grew in steps').toBeGreaterThan(3);
  steps.slice(1).forEach((text, index) => expect(text.startsWith(steps[index] ?? ''), 'and only grew').toBe(true));
  await expect(window.getByTestId('answer-facts').last()).toContainText(String(golden.greedy_ids.length));
  await tore.screenshot('chat-answer');
}

/** From a computer that serves alone: two processes share the model; both earn, the requester pays, a loss is said and mended. */
export async function shareModel(tore: JobWindow): Promise<void> {
  const { window } = tore;
  const golden = await goldenCase(QUESTION);
  const dataFolder = await mkdtemp(join(tmpdir(), 'tore-node-'));
  const running: HeadlessNode[] = [];
  try {
    await serveLayers(window, 0, 3);
    await expect(window.getByTestId('coverage-sentence').first()).toContainText(/4.+7/);
    await tore.screenshot('dashboard-missing-layers');

    const details = await readJoinDetails(window);
    running.push(startHeadlessNode(details, dataFolder));
    await openScreen(window, 'dashboard');
    for (let layer = 4; layer < 8; layer += 1) {
      await expect(layerTile(window, layer)).toHaveAttribute('data-holder', 'others', { timeout: READY_TIMEOUT_MS });
    }
    await tore.screenshot('dashboard-two-nodes');

    // The pipeline the coordinator would use has two different nodes.
    const pipeline = await read<{ available: boolean; pipeline_nodes: unknown[] }>(
      details,
      '/inference/pipeline/tore-tiny',
    );
    expect(pipeline.available).toBe(true);
    expect(pipeline.pipeline_nodes).toHaveLength(2);
    const registry = await read<unknown>(details, '/inference/shards/registry');
    const nodeIds = [...new Set(JSON.stringify(registry).match(/"node_id":"[^"]+"/g) ?? [])].map((each) =>
      each.slice(11, -1),
    );
    expect(nodeIds).toHaveLength(2);
    const balances = (): Promise<Balance[]> =>
      Promise.all(nodeIds.map((id) => read<Balance>(details, `/tokens/${id}/balance`)));
    const before = await balances();

    await openScreen(window, 'chat');
    const texts = await recordAnswerTexts(window);
    await ask(window, QUESTION);
    const answer = window.getByTestId('answer-text').last();
    await expect(answer).toHaveText(golden.greedy_text, { timeout: READY_TIMEOUT_MS });
    expect((await texts()).length, 'the answer grew in steps').toBeGreaterThan(3);
    const facts = window.getByTestId('answer-facts').last();
    await expect(facts).toContainText('GFT');
    await expect(facts).toContainText(/0\D3/);
    await expect(facts).toContainText(/4\D7/);
    await tore.screenshot('chat-two-nodes');

    const after = await balances();
    after.forEach((balance, index) => {
      expect(balance.total_earned, 'each node earned').toBeGreaterThan(before[index]?.total_earned ?? Infinity);
    });
    const spent = after.filter((balance, index) => balance.total_spent > (before[index]?.total_spent ?? Infinity));
    expect(spent, 'one node, the requester, paid').toHaveLength(1);
    expect(await read<{ chain_valid: boolean }>(details, '/tokens/ledger/verify')).toMatchObject({ chain_valid: true });

    await openScreen(window, 'ledger');
    await window.getByTestId('ledger-verify').click();
    await expect(window.getByTestId('ledger-verification')).toContainText(/verified to entry/i);
    await tore.screenshot('ledger');

    await running[0]?.kill();
    await openScreen(window, 'dashboard');
    await expect(window.getByTestId('coverage-sentence').first()).toContainText(/4.+7/, { timeout: READY_TIMEOUT_MS });
    await openScreen(window, 'chat');
    await ask(window, QUESTION);
    await expect(window.getByTestId('answer-error').last()).toContainText(/4.+7/, { timeout: READY_TIMEOUT_MS });
    await tore.screenshot('chat-missing-layers');

    running.push(startHeadlessNode(details, dataFolder));
    await openScreen(window, 'dashboard');
    for (let layer = 4; layer < 8; layer += 1) {
      await expect(layerTile(window, layer)).toHaveAttribute('data-holder', 'others', { timeout: READY_TIMEOUT_MS });
    }
    await openScreen(window, 'chat');
    await ask(window, QUESTION);
    await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, {
      timeout: READY_TIMEOUT_MS,
    });
    expect(JSON.stringify(await read<unknown>(details, '/inference/shards/registry'))).toContain(nodeIds[0]);
  } finally {
    if (test.info().status !== test.info().expectedStatus || test.info().errors.length > 0) {
      const body = running.map((node) => node.output.join('')).join('\n\n');
      await test.info().attach('output of the second node', { body, contentType: 'text/plain' });
    }
    for (const node of running) await node.kill();
    await rm(dataFolder, { recursive: true, force: true });
  }
}
