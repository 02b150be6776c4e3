// What this computer did is counted, kept and explained: figures, log, and both over a restart.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, openScreen, READY_TIMEOUT_MS, saveNextTo } from './actions';
import { expect, test } from './fixtures';

test('work is counted, logged with its reasons, exported and kept', async ({ launchTore, launchServing }) => {
  test.setTimeout(300_000);
  const tore = await launchServing();
  const { window } = tore;
  await openScreen(window, 'chat');
  await ask(window, 'What is GFT?');
  await expect(window.getByTestId('answer-facts').last()).toContainText('GFT', { timeout: READY_TIMEOUT_MS });

  await openScreen(window, 'statistics');
  // Figures are written once a minute.
  const requests = window.getByTestId('statistics-metric-requests');
  await expect(requests).toContainText('1', { timeout: READY_TIMEOUT_MS });
  await expect(window.getByTestId('statistics-metric-flops')).toContainText('FLOP');
  await expect(window.getByTestId('earning-reasons')).toContainText('Figures go back');
  await window.getByTestId('statistics-metric-uptime').click();
  await window.getByRole('button', { name: 'Show as table' }).click();
  await expect(window.getByRole('table').first()).toContainText('This time');
  await tore.screenshot('statistics-table');
  const csv = join(tore.profile, 'statistics.csv');
  await saveNextTo(tore, csv);
  await window.getByRole('button', { name: 'Save as CSV' }).click();
  await expect(window.getByText('Saved as')).toBeVisible();
  const lines = (await readFile(csv, 'utf8')).trim().split('\r\n');
  expect(lines).toHaveLength(15);
  const column = lines[0]?.split(',').indexOf('requests') ?? -1;
  expect(lines.slice(1).reduce((sum, line) => sum + Number(line.split(',')[column]), 0)).toBe(1);

  await window.getByTestId('statistics-tab-log').click();
  const log = window.getByTestId('event-log');
  await expect(log).toContainText('Connected to This computer over a WebSocket.');
  await expect(log).toContainText('Serving layers 0-7 of tore-tiny');
  await tore.screenshot('event-log');
  await window.getByTestId('log-search').fill('websocket connected');
  await expect(log.getByRole('listitem')).toHaveCount(1);
  const jsonl = join(tore.profile, 'log.jsonl');
  await saveNextTo(tore, jsonl);
  await window.getByRole('button', { name: 'Save', exact: true }).click();
  await window.getByRole('menuitem', { name: /JSON/ }).click();
  await expect(window.getByText('1 line saved as')).toBeVisible();
  expect(JSON.parse(await readFile(jsonl, 'utf8'))).toMatchObject({ kind: 'connection' });

  // What the operator tells everybody arrives, here as well, and is kept.
  const words = 'On Friday the coordinator moves to a new machine.';
  await openScreen(window, 'administration');
  await window.getByTestId('admin-tab-notices').click();
  await window.getByTestId('notice-text').fill(words);
  await window.getByTestId('notice-post').click();
  await expect(window.getByTestId('notice-row')).toContainText(words);
  await openScreen(window, 'statistics');
  await window.getByTestId('statistics-tab-notices').click();
  await expect(window.getByTestId('notices')).toContainText(words, { timeout: READY_TIMEOUT_MS });
  await tore.screenshot('notices');
  await tore.close();

  const again = await launchTore({ profile: tore.profile });
  await openScreen(again.window, 'statistics');
  await expect(again.window.getByTestId('statistics-metric-requests')).toContainText('1', {
    timeout: READY_TIMEOUT_MS,
  });
});
