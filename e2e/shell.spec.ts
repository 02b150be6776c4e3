// The frame around the screens: the command palette and the keyboard.
import { test } from './fixtures';
import { usePalette } from './shell';

test('the palette finds and does things by keyboard alone', ({ servingTore }) => usePalette(servingTore));
