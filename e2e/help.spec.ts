// Help without a network: pages, the self-test with real processes, and a report that is saved as it was shown.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openScreen, READY_TIMEOUT_MS, saveNextTo } from './actions';
import { expect, test } from './fixtures';

test('help is searched, the self-test passes, and a report holds no private word', async ({ servingTore: tore }) => {
  test.setTimeout(240_000);
  const { window, profile } = tore;
  await openScreen(window, 'help');
  await expect(window.getByTestId('help-page')).toContainText('What Tore does');
  await window.getByTestId('help-search').fill('antivirus');
  await window.getByTestId('help-problems').click();
  await expect(window.getByTestId('help-page')).toContainText('Usual problems');

  await window.getByTestId('help-self-test').click();
  await window.getByTestId('self-test-start').click();
  await expect(window.getByTestId('self-test-verdict')).toBeVisible({ timeout: READY_TIMEOUT_MS });
  for (const check of ['engine', 'answer', 'coordinator']) {
    await expect(window.getByTestId(`check-${check}`)).toHaveAttribute('data-verdict', 'good');
  }
  await tore.screenshot('self-test');

  await window.getByTestId('help-report').click();
  await window.getByTestId('report-description').fill('Nothing, this is a test.');
  await window.getByTestId('report-prepare').click();
  await window.getByRole('tab', { name: 'log.txt' }).click();
  const log = window.getByTestId('report-file');
  await expect(log).toContainText('the inference engine was started');
  await expect(log).not.toContainText(profile);
  await tore.screenshot('report');
  const path = join(profile, 'report.zip');
  await saveNextTo(tore, path);
  await window.getByTestId('report-save').click();
  await expect(window.getByText('Send it to whom you like')).toBeVisible();
  expect((await readFile(path)).subarray(0, 2).toString()).toBe('PK');
});
