// The packed app as it would be shipped from here: what is in it, that it starts, does the main job and leaves nothing.
import { expect, test } from '@playwright/test';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkPackage } from '../scripts/check-package.mjs';
import { SCREEN_NAMES } from '../src/contract/api';
import { expectAccessible } from './accessible';
import { completeWelcome, openScreen, untilServing } from './actions';
import { serveAlone, shareModel } from './main-job';
import { launchPackaged, type PackagedApp } from './packaged-app';
import { dataFolderOf, PreparedProfiles } from './prepared-profile';
import { usePalette } from './shell';

const folder = resolve(import.meta.dirname, '..', 'dist', 'linux-unpacked');
const executable = join(folder, 'tore-desktop');

let profile: string;
let app: PackagedApp | null = null;
test.beforeEach(async () => {
  expect(existsSync(executable), 'npm run test:packaged packs it first').toBe(true);
  profile = await mkdtemp(join(tmpdir(), 'tore-packaged-'));
});
test.afterEach(async () => {
  const failed = test.info().status !== test.info().expectedStatus;
  if (failed && app !== null) {
    await test.info().attach('output', { body: app.output.join(''), contentType: 'text/plain' });
  }
  await app?.close();
  app = null;
  await rm(profile, { recursive: true, force: true });
});

async function launch(): Promise<PackagedApp> {
  app = await launchPackaged(executable, profile);
  return app;
}

/** Starts it as a computer that has been through Welcome before, and waits until it serves. */
async function launchServing(): Promise<PackagedApp> {
  const prepared = new PreparedProfiles(test.info().project.outputDir);
  const isPrepared = await prepared.fill(profile, 'serving');
  const started = await launch();
  if (isPrepared) {
    await untilServing(started.window);
  } else {
    await completeWelcome(started.window);
    await prepared.keep(profile);
  }
  return started;
}

test('it holds this system’s libraries only, no leftovers, and its fuses are set', async () => {
  const { problems, bytes } = await checkPackage(folder);
  expect(problems).toEqual([]);
  console.log(`packaged: ${(bytes / 1_048_576).toFixed(0)} MB unpacked`);
});

test('it does the main job alone, ends in order, and starts again', async () => {
  const first = await launch();
  console.log(`packaged: first start to a usable window ${Math.round(first.startMs)} ms`);
  await serveAlone(first);
  expect(await first.close()).toBe(0);
  const second = await launch();
  console.log(`packaged: later start to a usable window ${Math.round(second.startMs)} ms`);
  await expect(second.window.getByTestId('status-state')).toContainText('Serving', { timeout: 60_000 });
  expect(second.output.join('')).not.toMatch(/uncaught|a fault was not caught/i);
});

test('its palette and every screen are there, without anything that keeps anybody out', async () => {
  const started = await launchServing();
  await usePalette(started);
  for (const screen of SCREEN_NAMES) {
    await openScreen(started.window, screen);
    await expectAccessible(started.window, screen);
  }
  expect(started.output.join('')).not.toMatch(/uncaught|a fault was not caught|violates the following Content/i);
});

test('it shares the model with another process, which earns and is paid', async () => {
  test.setTimeout(300_000);
  await shareModel(await launchServing());
});

test('it says who keeps it current, and removes everything when asked', async () => {
  const { window } = await launch();
  await serveAlone({ window, screenshot: async () => undefined });
  await openScreen(window, 'settings');
  await expect(window.getByTestId('update-state')).toHaveAttribute('data-state', 'off');
  await window.getByRole('button', { name: 'Show their licences' }).click();
  await expect(window.getByLabel('Licences')).toContainText('Copyright (c) 2013-2020 Khan Academy');
  const entry = join(profile, 'autostart', 'tore-desktop.desktop');
  const data = dataFolderOf(profile);
  expect(existsSync(join(data, 'settings.json'))).toBe(true);
  await window.getByText('Start when I log in').or(window.getByTestId('start-at-login')).first().click({ force: true });
  await expect.poll(() => existsSync(entry)).toBe(true);
  await window.getByTestId('remove-data').click();
  await window.getByTestId('remove-data-understood').click();
  await window.getByTestId('remove-data-confirm').click();
  await expect.poll(() => existsSync(entry), { timeout: 30_000 }).toBe(false);
  await expect
    .poll(async () => (await readdir(data).catch(() => [])).filter((name) => name.endsWith('.json')), {
      timeout: 30_000,
    })
    .toEqual([]);
  for (const name of ['node', 'coordinator', 'library', 'logs']) {
    await expect.poll(() => existsSync(join(data, name)), { timeout: 30_000, message: name }).toBe(false);
  }
});
