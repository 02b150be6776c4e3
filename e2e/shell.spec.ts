// The frame around the screens: the command palette and the keyboard.
import { completeWelcome } from './actions';
import { expect, test } from './fixtures';

test('the palette finds and does things by keyboard alone', async ({ tore }) => {
  const { window } = tore;
  await completeWelcome(window);
  await window.keyboard.press('Control+k');
  await expect(window.getByTestId('palette-input')).toBeFocused();
  await tore.screenshot('palette');
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
  await tore.screenshot('shortcuts');
  await window.keyboard.press('Escape');
  await window.keyboard.press('Control+,');
  await expect(window.getByTestId('settings-search')).toBeVisible();
});
