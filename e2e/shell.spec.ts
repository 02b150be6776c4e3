// The frame around the screens: the command palette and the keyboard.
import { completeWelcome } from './actions';
import { test } from './fixtures';
import { usePalette } from './shell';

test('the palette finds and does things by keyboard alone', async ({ tore }) => {
  await completeWelcome(tore.window);
  await usePalette(tore);
});
