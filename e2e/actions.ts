// What a user does in the window, as steps the tests share.
import { expect, type Page } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ScreenName } from '../src/contract/api';
import type { ToreApp } from './fixtures';

/** Loading a shard and a first benchmark take seconds on a slow machine; a hang still fails. */
export const READY_TIMEOUT_MS = 90_000;

/** Greedy continuations of the shipped model, computed by an independent implementation. */
export interface GoldenCase {
  readonly messages: readonly { readonly content: string }[];
  readonly greedy_text: string;
  readonly greedy_ids: readonly number[];
  readonly input_ids: readonly number[];
}

/** The golden case of a question. */
export async function goldenCase(question: string): Promise<GoldenCase> {
  const file = resolve(import.meta.dirname, '../src/inference/testdata/golden.json');
  const golden = JSON.parse(await readFile(file, 'utf8')) as { cases: GoldenCase[] };
  const found = golden.cases.find((each) => each.messages[0]?.content === question);
  if (found === undefined) throw new Error(`no golden case for “${question}”`);
  return found;
}

/** Goes through Welcome with what it proposes, until the computer serves, and opens the dashboard. */
export async function completeWelcome(window: Page): Promise<void> {
  await acceptWelcome(window);
  await window.getByTestId('welcome-open-dashboard').click();
  await untilServing(window);
}

/** Waits until the computer serves. */
export async function untilServing(window: Page): Promise<void> {
  await expect(window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
}

/** Agrees in Welcome and waits for the verdict; Welcome stays open. */
export async function acceptWelcome(window: Page): Promise<void> {
  const accept = window.getByTestId('welcome-accept');
  await expect(window.getByTestId('welcome-next').or(accept).first()).toBeVisible({ timeout: READY_TIMEOUT_MS });
  while (!(await accept.isVisible())) await window.getByTestId('welcome-next').click();
  await accept.click();
  await expect(window.getByTestId('welcome-open-dashboard')).toBeEnabled({ timeout: READY_TIMEOUT_MS });
}

export async function openScreen(window: Page, screen: ScreenName): Promise<void> {
  await window.getByTestId(`nav-${screen}`).click();
}

/** Fixes the layers this computer serves and waits until the strip shows them as its own. */
export async function serveLayers(window: Page, first: number, last: number): Promise<void> {
  await openScreen(window, 'contribute');
  await window.getByTestId('contribute-tab-models').click();
  await window.getByTestId('layer-choice-range').click();
  await window.getByTestId('layer-range-start').fill(String(first));
  await window.getByTestId('layer-range-end').fill(String(last));
  await window.getByTestId('layer-range-apply').click();
  await openScreen(window, 'dashboard');
  for (let layer = 0; layer < 8; layer += 1) {
    const holder = layer >= first && layer <= last ? 'mine' : /others|missing/;
    await expect(layerTile(window, layer)).toHaveAttribute('data-holder', holder, { timeout: READY_TIMEOUT_MS });
  }
}

export function layerTile(window: Page, layer: number): ReturnType<Page['getByTestId']> {
  return window.getByTestId(`layer-tile-${layer}`).first();
}

/** Types a question into the open conversation and sends it. */
export async function ask(window: Page, question: string): Promise<void> {
  await window.getByTestId('composer-input').fill(question);
  await window.getByTestId('composer-send').click();
}

export interface JoinDetails {
  readonly url: string;
  readonly accessToken: string;
}

/** Reads from Settings how another process joins the embedded coordinator. */
export async function readJoinDetails(window: Page): Promise<JoinDetails> {
  await openScreen(window, 'settings');
  await window.getByTestId('join-show').click();
  const url = (await window.getByTestId('join-url').innerText()).trim();
  const accessToken = (await window.getByTestId('join-token').innerText()).trim();
  return { url, accessToken };
}

/** Answers the next dialog for a file with a path. */
export async function saveNextTo({ electron }: Pick<ToreApp, 'electron'>, path: string): Promise<void> {
  await electron.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath });
  }, path);
}

/** Chooses an entry of a list that opens on a click. */
export async function chooseOption(window: Page, testId: string, option: RegExp): Promise<void> {
  await window.getByTestId(testId).click();
  await window.getByRole('option', { name: option }).click();
}
