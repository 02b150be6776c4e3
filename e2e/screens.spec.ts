// Every screen in light and dark, wide and narrow, in both languages: a picture to look at, and no accessibility violation.
import type { Page } from '@playwright/test';
import { SCREEN_NAMES, type ScreenName } from '../src/contract/api';
import { lookInBothThemes } from './accessible';
import { ask, completeWelcome, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';

/** Screens of several parts: how the test ids of their tabs begin, and the parts. */
const PARTS: Partial<Record<ScreenName, { readonly tab: string; readonly names: readonly string[] }>> = {
  contribute: { tab: 'contribute-tab', names: ['rules', 'models', 'computers'] },
  discovery: { tab: 'discovery-tab', names: ['find', 'handshakes', 'agreements', 'you', 'policies'] },
  statistics: { tab: 'statistics-tab', names: ['figures', 'log', 'notices'] },
  administration: {
    tab: 'admin-tab',
    names: ['nodes', 'requests', 'challenges', 'members', 'notices', 'peers', 'policy', 'audit'],
  },
};

/** Pixels the page is wider than its window. */
function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Opens every screen, and of those with parts every part, and does `visit` there. */
async function everywhere(window: Page, visit: (name: string) => Promise<unknown>): Promise<void> {
  for (const screen of SCREEN_NAMES) {
    await openScreen(window, screen);
    const parts = PARTS[screen];
    if (parts === undefined) await visit(screen);
    for (const name of parts?.names ?? []) {
      await window.getByTestId(`${parts?.tab}-${name}`).click();
      await visit(`${screen}-${name}`);
    }
  }
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
  await everywhere(window, (name) => lookInBothThemes(tore, name));
  await openScreen(window, 'settings');
  await window.getByTestId('language-select').getByText('Türkçe').click();
  await expect(window.getByTestId('nav-settings')).toContainText('Ayarlar');
  expect(await window.evaluate(() => document.documentElement.lang)).toBe('tr');
  await everywhere(window, (name) => lookInBothThemes(tore, `${name}-tr`));
  await openScreen(window, 'settings');
  await window.getByTestId('text-scale-select').getByText('%200').click();
  await expect.poll(() => window.evaluate(() => globalThis.devicePixelRatio)).toBe(2);
  await everywhere(window, async (name) => {
    expect(await sidewaysOverflow(window), `${name} scrolls sideways at 200 %`).toBeLessThanOrEqual(0);
  });
  await openScreen(window, 'settings');
  await window.getByTestId('text-scale-select').getByText('%100').click();
  await electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(720, 560));
  await everywhere(window, async (name) => {
    expect(await sidewaysOverflow(window), `${name} scrolls sideways at 720 px`).toBeLessThanOrEqual(0);
    await tore.screenshot(`${name}-tr-narrow`);
  });
});
