// A server outside the cooperative answers, where its operator set one and the person chose it.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { ask, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';
import { HEADLESS_TOKEN, startCoordinator } from './headless-coordinator';
import { completeWelcomeAt } from './trust-actions';

/** A server with the chat completions interface that always says the same. */
async function startServer(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const say = (body: object): void => void response.write(`data: ${JSON.stringify(body)}\n\n`);
      say({ choices: [{ index: 0, delta: { content: 'From outside.' }, finish_reason: null }] });
      say({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
      say({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 4 } });
      response.end('data: [DONE]\n\n');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

test('a fallback server answers when it is chosen, with its price before and its mark after', async ({
  launchMeasured,
}) => {
  test.setTimeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-fallback-'));
  const outside = await startServer();
  const coordinator = await startCoordinator(folder, undefined, {
    TORE_FALLBACK_BASE_URL: `http://127.0.0.1:${(outside.address() as AddressInfo).port}/v1`,
    TORE_FALLBACK_MODELS: '["tore-tiny=outside"]',
    TORE_FALLBACK_MICRO_GFT_PER_TOKEN: '1000',
  });
  try {
    const { window, screenshot } = await launchMeasured();
    await completeWelcomeAt(window, coordinator.url, HEADLESS_TOKEN);
    await openScreen(window, 'chat');
    await ask(window, 'What is GFT?');
    await expect(window.getByTestId('answer-facts').last()).toContainText('settled', { timeout: READY_TIMEOUT_MS });
    await expect(window.getByTestId('answer-fallback')).toHaveCount(0);

    await window.getByRole('button', { name: 'Sampling' }).click();
    await window.getByTestId('generation-answeredBy').click();
    await window.getByRole('option', { name: 'Fallback server only' }).click();
    await screenshot('chat-answered-by');
    await expectAccessible(window, 'Chat with its settings open');
    await window.keyboard.press('Escape');
    await window.getByTestId('composer-input').fill('Who answers?');
    await expect(window.getByTestId('estimate-line')).toContainText('Fallback server · At most', {
      timeout: READY_TIMEOUT_MS,
    });
    await screenshot('chat-fallback-estimate');
    await window.getByTestId('composer-send').click();
    await expect(window.getByTestId('answer-text').last()).toHaveText('From outside.', { timeout: READY_TIMEOUT_MS });
    await expect(window.getByTestId('answer-fallback')).toHaveText('Fallback server');
    // 14 tokens at a thousandth each.
    await expect(window.getByTestId('answer-facts').last()).toContainText('0.014');
    await screenshot('chat-fallback-answer');
  } finally {
    coordinator.process.kill('SIGKILL');
    outside.close();
    await rm(folder, { recursive: true, force: true });
  }
});
