// No accessibility violation in what a window shows.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect } from './fixtures';

/** Fails with every violation axe finds. `where` names the place in the report. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // The pointer still rests on what was clicked; its tooltip is not part of the screen.
  await page.mouse.move(600, 700);
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  // Electron has no second page for axe to finish in; its older way runs in the page itself.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join('; ')}`);
  expect(said, where).toEqual([]);
}
