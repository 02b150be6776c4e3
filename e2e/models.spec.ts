// Models: what is here and offered, whether it fits, added from a folder, fetched from a coordinator, served, removed.
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ask, goldenCase, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';
import { HEADLESS_TOKEN, startCoordinator } from './headless-coordinator';
import { HubServer } from '../src/inference/testdata/hub-server';
import { expectAccessible } from './accessible';

const shippedModel = resolve(import.meta.dirname, '../resources/models/tore-tiny');

test('a folder is added, counted, served and taken off again', async ({ servingTore: tore }) => {
  const { window, electron } = tore;
  const folder = await mkdtemp(join(tmpdir(), 'tore-own-model-'));
  const model = join(folder, 'my-model');
  try {
    await cp(shippedModel, model, { recursive: true });
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-models').click();
    const shipped = window.getByTestId('model-shipped');
    await expect(shipped).toContainText('Chosen to serve', { timeout: READY_TIMEOUT_MS });
    await shipped.getByRole('button', { name: /Details/ }).click();
    await expect(shipped.getByTestId('model-fit')).toContainText('MB');
    await expect(shipped).toContainText(/Fits on/);
    await tore.screenshot('models-fit');
    await expectAccessible(window, 'models with an estimate');

    await electron.evaluate(({ dialog }, picked) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [picked] });
    }, model);
    await window.getByRole('button', { name: 'Add a folder' }).click();
    const own = window.getByTestId('model-local:1');
    await expect(own).toContainText(model, { timeout: READY_TIMEOUT_MS });
    await own.getByRole('button', { name: /Details/ }).click();
    await own.getByRole('radio', { name: 'These layers' }).click();
    await own.getByLabel('First layer').fill('2');
    await own.getByLabel('Last layer').fill('5');
    await own.getByRole('button', { name: 'Serve layers 2-5' }).click();
    await expect(own).toContainText('Chosen to serve', { timeout: READY_TIMEOUT_MS });
    await expect(window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    await expect(window.getByText('2-5 of 8')).toBeVisible({ timeout: READY_TIMEOUT_MS });

    await window.getByTestId('model-shipped').getByTestId('model-serve').click();
    await expect(shipped).toContainText('Chosen to serve', { timeout: READY_TIMEOUT_MS });
    await own.getByRole('button', { name: /^Remove/ }).click();
    await window.getByTestId('model-remove-confirm').click();
    await expect(own).toHaveCount(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('layers of a coordinator’s model are fetched, survive a restart, and are served', async ({
  launchTore,
  launchServing,
}) => {
  test.setTimeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-coordinator-'));
  const model = join(folder, 'tore-twin');
  await cp(shippedModel, model, { recursive: true });
  const coordinator = await startCoordinator(folder, model);
  try {
    const first = await launchServing();
    await first.window.evaluate(
      async ({ url, accessToken }) => {
        const { tore } = globalThis as unknown as { tore: { call(name: string, input: object): Promise<unknown> } };
        await tore.call('settings:update', { coordinator: { kind: 'remote', url } });
        await tore.call('settings:set-access-token', { url, accessToken });
      },
      { url: coordinator.url, accessToken: HEADLESS_TOKEN },
    );
    await openScreen(first.window, 'contribute');
    await first.window.getByTestId('contribute-tab-models').click();
    const offered = first.window.getByTestId('model-offered:tore-twin');
    await expect(offered).toContainText('8 layers', { timeout: READY_TIMEOUT_MS });
    await offered.getByRole('button', { name: /Details/ }).click();
    await expect(offered).toContainText('To fetch');
    await offered.getByTestId('model-download-start').click();
    const download = offered.getByTestId('model-download');
    await expect(download).toHaveAttribute('data-state', 'done', { timeout: READY_TIMEOUT_MS });
    await first.screenshot('models-downloaded');
    await first.close();

    const second = await launchTore({ profile: first.profile });
    const { window } = second;
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-models').click();
    const again = window.getByTestId('model-offered:tore-twin');
    await expect(again.getByTestId('model-download')).toHaveAttribute('data-state', 'done', {
      timeout: READY_TIMEOUT_MS,
    });
    await expect(again).toContainText(/MB fetched/);
    await again.getByRole('button', { name: /Details/ }).click();
    await again.getByTestId('model-serve').click();
    await expect(again).toContainText('Chosen to serve');
    // State and layers in one look: "Serving" alone may still be of the layers served before.
    await expect(window.getByRole('region', { name: 'Status' })).toContainText(/Serving\s*Layers 0-7 of tore-twin/, {
      timeout: READY_TIMEOUT_MS,
    });
    const golden = await goldenCase('What is GFT?');
    await openScreen(window, 'chat');
    await ask(window, 'What is GFT?');
    await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, {
      timeout: READY_TIMEOUT_MS,
    });
  } finally {
    coordinator.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});

test('a model comes from a hub after its size and licence were seen, and its files go with it', async ({
  servingTore: tore,
}) => {
  const { window } = tore;
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(shippedModel, { withFileTypes: true })) {
    if (entry.isFile()) files.set(entry.name, await readFile(join(shippedModel, entry.name)));
  }
  const hub = await HubServer.start('someone/tiny', files);
  hub.token = 'hf_secret';
  try {
    await openScreen(window, 'contribute');
    await window.getByTestId('contribute-tab-models').click();
    await window.getByTestId('import-hub').click();
    const dialog = window.getByRole('dialog');
    await dialog.getByTestId('hub-endpoint').fill(hub.url);
    await dialog.getByTestId('hub-name').fill('someone');
    await dialog.getByTestId('hub-look').click();
    await expect(dialog.getByRole('alert')).toContainText('OWNER/NAME');
    await dialog.getByTestId('hub-name').fill('someone/tiny');
    await dialog.getByTestId('hub-look').click();
    await expect(dialog.getByRole('alert')).toBeVisible();
    await tore.screenshot('models-hub-refused');
    await dialog.getByLabel('Access token').fill('hf_secret');
    await dialog.getByTestId('hub-look').click();
    await expect(dialog.getByTestId('hub-found')).toContainText(/MB in \d+ files/);
    await expectAccessible(window, 'a model of a hub');
    await tore.screenshot('models-hub');
    await dialog.getByTestId('hub-fetch').click();
    const own = window.getByTestId('model-local:1');
    await expect(own).toContainText('fetched', { timeout: READY_TIMEOUT_MS });
    await own.getByRole('button', { name: /Details/ }).click();
    await own.getByTestId('model-serve').click();
    await expect(own).toContainText('Chosen to serve', { timeout: READY_TIMEOUT_MS });
    await expect(window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    const shipped = window.getByTestId('model-shipped');
    await shipped.getByRole('button', { name: /Details/ }).click();
    await shipped.getByTestId('model-serve').click();
    await expect(shipped).toContainText('Chosen to serve', { timeout: READY_TIMEOUT_MS });
    await own.getByRole('button', { name: /^Remove/ }).click();
    await expect(window.getByRole('dialog')).toContainText('deleted');
    await window.getByTestId('model-remove-confirm').click();
    await expect(own).toHaveCount(0);
    // The key is kept for this hub, so a second time it need not be typed.
    await window.getByTestId('import-hub').click();
    await dialog.getByTestId('hub-endpoint').fill(hub.url);
    await dialog.getByTestId('hub-name').fill('someone/tiny');
    await dialog.getByTestId('hub-look').click();
    await expect(dialog.getByTestId('hub-found')).toBeVisible();
    expect(tore.log.join('\n')).not.toContain('hf_secret');
  } finally {
    await hub.stop();
  }
});
