// Wrong input in a real window: each gives a clear error, and what worked before goes on working.
import type { Locator } from '@playwright/test';
import { cp, mkdtemp, rm, truncate } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ask, goldenCase, layerTile, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';

const shippedModel = resolve(import.meta.dirname, '../resources/models/tore-tiny');

function listen(server: Server): Promise<string> {
  return new Promise((fulfil) => {
    server.listen(0, '127.0.0.1', () => fulfil(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

/** Text of a figure that counts softly to its value, once it rests. */
async function settledText(locator: Locator): Promise<string> {
  let text = '';
  await expect(async () => {
    const before = text;
    text = await locator.innerText();
    expect(text).toBe(before);
  }).toPass({ intervals: [1_000] });
  return text;
}

test('a coordinator address that answers with a web page is refused, the old one stays', async ({
  servingTore: tore,
}) => {
  const { window } = tore;
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>A shop</title>');
  });
  const url = await listen(server);
  try {
    await openScreen(window, 'settings');
    await window.getByRole('radio', { name: /^Another one/ }).click();
    await window.getByTestId('coordinator-url').fill(url);
    await window.getByTestId('coordinator-url').press('Enter');
    await expect(window.locator('#coordinator-outcome')).toContainText(/web page|HTML/i);
    await tore.screenshot('settings-html-coordinator');
    await openScreen(window, 'dashboard');
    await expect(layerTile(window, 0)).toHaveAttribute('data-holder', 'mine');
  } finally {
    server.close();
  }
});

test('a broken model folder is refused by name, the shipped model keeps serving', async ({ servingTore: tore }) => {
  const { window, electron } = tore;
  const folder = await mkdtemp(join(tmpdir(), 'tore-broken-model-'));
  try {
    await cp(shippedModel, folder, { recursive: true });
    await truncate(join(folder, 'model.safetensors'), 100_000);
    await electron.evaluate(({ dialog }, picked) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [picked] });
    }, folder);
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-models').click();
    await window.getByRole('button', { name: 'Add a folder' }).click();
    await expect(window.getByText(/safetensors file is broken/).first()).toBeVisible();
    await tore.screenshot('contribute-broken-model');

    const golden = await goldenCase('What is GFT?');
    await openScreen(window, 'chat');
    await ask(window, 'What is GFT?');
    await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, {
      timeout: READY_TIMEOUT_MS,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a conversation survives a restart, and so do balance and settings', async ({ launchTore, launchServing }) => {
  const first = await launchServing();
  await openScreen(first.window, 'chat');
  await ask(first.window, 'What is GFT?');
  const golden = await goldenCase('What is GFT?');
  await expect(first.window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, {
    timeout: READY_TIMEOUT_MS,
  });
  await expect(first.window.getByTestId('answer-facts').last()).toContainText('GFT');
  const balance = await settledText(first.window.getByTestId('status-balance'));
  await first.close();

  const second = await launchTore({ profile: first.profile });
  await expect(second.window.getByTestId('status-balance')).toHaveText(balance, { timeout: READY_TIMEOUT_MS });
  await openScreen(second.window, 'chat');
  await second.window.getByTitle('What is GFT?').click();
  await expect(second.window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text);
});
