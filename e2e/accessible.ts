// No accessibility violation in what a window shows, and pictures of it.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, showTheme, type ToreApp } from './fixtures';

/** Nothing where axe has to be brought into the page; where it is in all its frames already, a script that brings nothing. */
async function axeInPage(page: Page): Promise<{ axeSource?: string }> {
  const isThere = await Promise.all(page.frames().map((frame) => frame.evaluate(() => Reflect.has(globalThis, 'axe'))));
  return isThere.every(Boolean) ? { axeSource: 'true' } : {};
}

/**
 * Waits until nothing on the page is on its way to another colour, place or size: half-way through a change of theme a
 * text may have the contrast of neither. What turns or blinks for ever is not waited for.
 */
async function untilStill(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    document
      .getAnimations()
      .every(({ playState, effect }) => playState !== 'running' || effect?.getComputedTiming().endTime === Infinity),
  );
}

/** Fails with every violation axe finds. `where` names the place in the report. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // The pointer still rests on what was clicked; its tooltip is not part of the screen.
  await page.mouse.move(600, 700);
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  await untilStill(page);
  const { violations } = await new AxeBuilder({ page, ...(await axeInPage(page)) })
    // Electron has no second page for axe to finish in; its older way runs in the page itself.
    .setLegacyMode(true)
    // What passed is of no use here, and describing every element of it takes longer than finding violations.
    .options({ resultTypes: ['violations'] })
    .analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join('; ')}`);
  expect(said, where).toEqual([]);
}

/** Finds nothing that keeps anybody out in light and in dark, and keeps a picture of each. */
export async function lookInBothThemes(tore: ToreApp, name: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    await showTheme(tore.electron, tore.window, theme);
    await expectAccessible(tore.window, `${name}, ${theme}`);
    await tore.screenshot(name, [theme]);
  }
}
