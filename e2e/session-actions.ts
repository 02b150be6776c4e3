// What people do on the Sessions screen, as steps the tests share.
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { openScreen, READY_TIMEOUT_MS, saveNextTo } from './actions';
import type { ToreApp } from './fixtures';
import { openDiscovery } from './trust-actions';

const WITHIN = { timeout: READY_TIMEOUT_MS };

/** Writes a turn into the open session, and sends it. */
export async function post(window: Page, text: string): Promise<void> {
  await window.getByTestId('session-input').fill(text);
  await window.getByTestId('session-send').click();
  await expect(window.getByTestId('session-input')).toHaveValue('');
}

/** Opens a session under the one agreement of the Discovery screen. */
export async function openUnderAgreement(window: Page, title: string, name: string): Promise<void> {
  await openDiscovery(window, 'agreements');
  await window.getByTestId('agreement-session').click();
  await window.getByTestId('session-title').fill(title);
  await window.getByTestId('session-display-name').fill(name);
  await window.getByTestId('session-create').click();
  await expect(window.getByTestId('session-input')).toBeVisible(WITHIN);
}

/** Joins the session that is offered under an agreement. */
export async function joinOffered(window: Page, title: string, name: string): Promise<void> {
  await openScreen(window, 'sessions');
  await expect(window.getByTestId('session-offer')).toContainText(title, WITHIN);
  await window.getByTestId('session-offer-join').click();
  await window.getByTestId('session-join-name').fill(name);
  await window.getByTestId('session-join').click();
  await expect(window.getByTestId('session-input')).toBeVisible(WITHIN);
}

/** Exports the open session into a file. */
export async function exportSession(app: ToreApp, file: string): Promise<void> {
  await saveNextTo(app, file);
  await app.window.getByTestId('session-menu').click();
  await app.window.getByTestId('session-export').click();
  await expect.poll(() => readFile(file, 'utf8').catch(() => ''), WITHIN).toContain('"turns"');
}

/** Exports the one agreement of the Discovery screen into a file. */
export async function exportAgreement(app: ToreApp, file: string): Promise<void> {
  await saveNextTo(app, file);
  await openDiscovery(app.window, 'agreements');
  await app.window.getByTestId('agreement-export').click();
  await expect.poll(() => readFile(file, 'utf8').catch(() => ''), WITHIN).toContain('"signatures"');
}
