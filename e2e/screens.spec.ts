// Every screen in light and dark, wide and narrow, in both languages: a picture to look at, and no accessibility violation.
import type { Page } from '@playwright/test';
import { SCREEN_NAMES } from '../src/contract/api';
import { lookInBothThemes } from './accessible';
import { ask, completeWelcome, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';

/** Parts of Contribute beside the one it opens with. */
const CONTRIBUTE_TABS = ['models', 'computers'] as const;

/** Parts of the coordinator's screen beside the one it opens with. */
const ADMINISTRATION_TABS = ['requests', 'challenges', 'members', 'notices', 'peers', 'policy', 'audit'] as const;

/** Pixels the page is wider than its window. */
function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test('every screen is accessible and has its picture', async ({ tore }) => {
  test.setTimeout(480_000);
  const { window, electron } = tore;
  await expect(window.getByTestId('welcome-next')).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await lookInBothThemes(tore, 'welcome');
  await completeWelcome(window);
  await openScreen(window, 'chat');
  await lookInBothThemes(tore, 'chat-empty');
  await ask(window, 'What is GFT?');
  await expect(window.getByTestId('answer-facts').last()).toContainText('GFT', { timeout: READY_TIMEOUT_MS });
  for (const screen of SCREEN_NAMES) {
    await openScreen(window, screen);
    await lookInBothThemes(tore, screen);
  }
  await openScreen(window, 'contribute');
  for (const tab of CONTRIBUTE_TABS) {
    await window.getByTestId(`contribute-tab-${tab}`).click();
    await lookInBothThemes(tore, `contribute-${tab}`);
  }
  await openScreen(window, 'administration');
  for (const tab of ADMINISTRATION_TABS) {
    await window.getByTestId(`admin-tab-${tab}`).click();
    await lookInBothThemes(tore, `administration-${tab}`);
  }
  await openScreen(window, 'settings');
  await window.getByTestId('language-select').getByText('Türkçe').click();
  await expect(window.getByTestId('nav-settings')).toContainText('Ayarlar');
  expect(await window.evaluate(() => document.documentElement.lang)).toBe('tr');
  for (const screen of SCREEN_NAMES) {
    await openScreen(window, screen);
    await lookInBothThemes(tore, `${screen}-tr`);
  }
  await openScreen(window, 'settings');
  await window.getByTestId('text-scale-select').getByText('%200').click();
  await expect.poll(() => window.evaluate(() => globalThis.devicePixelRatio)).toBe(2);
  for (const screen of SCREEN_NAMES) {
    await openScreen(window, screen);
    expect(await sidewaysOverflow(window), `${screen} scrolls sideways at 200 %`).toBeLessThanOrEqual(0);
  }
  await openScreen(window, 'settings');
  await window.getByTestId('text-scale-select').getByText('%100').click();
  await electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(720, 560));
  for (const screen of SCREEN_NAMES) {
    await openScreen(window, screen);
    expect(await sidewaysOverflow(window), `${screen} scrolls sideways at 720 px`).toBeLessThanOrEqual(0);
    await tore.screenshot(`${screen}-narrow`);
  }
  await openScreen(window, 'contribute');
  for (const tab of CONTRIBUTE_TABS) {
    await window.getByTestId(`contribute-tab-${tab}`).click();
    await tore.screenshot(`contribute-${tab}-narrow`);
  }
});
