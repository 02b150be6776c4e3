// The frame around the screens, whichever way the app was started.
import type { Page } from '@playwright/test';
import { expect } from './fixtures';

/** Finds and does things in the command palette, by keyboard alone. */
export async function usePalette(app: {
  readonly window: Page;
  screenshot(name: string): Promise<void>;
}): Promise<void> {
  const { window } = app;
  await window.keyboard.press('Control+k');
  await expect(window.getByTestId('palette-input')).toBeFocused();
  await app.screenshot('palette');
  await window.keyboard.type('ledg');
  await expect(window.getByTestId('command-screen:ledger')).toBeVisible();
  await window.keyboard.press('Enter');
  await expect(window.getByTestId('nav-ledger')).toHaveAttribute('aria-current', 'page');
  await expect(window.getByTestId('palette-input')).toBeHidden();
  await window.keyboard.press('Control+k');
  await window.keyboard.type('pause 15');
  await window.keyboard.press('Enter');
  await expect(window.getByTestId('status-state')).toContainText('Snoozed');
  await window.keyboard.press('Control+/');
  await expect(window.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await app.screenshot('shortcuts');
  await window.keyboard.press('Escape');
  await expect(window.getByRole('dialog')).toHaveCount(0);
  await window.keyboard.press('Control+,');
  await expect(window.getByTestId('settings-search')).toBeVisible();
}
