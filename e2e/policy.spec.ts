// The run policy in a real window: the computer's readings come from a file, everything else is the app as it is.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';

// A packed app takes readings from nobody but the computer.
const unpacked = { tag: '@unpacked' };

test(
  'pauses when somebody comes back, resumes when they have left, pauses one device',
  unpacked,
  async ({ launchTore, launchServing }) => {
    test.setTimeout(240_000);
    const folder = await mkdtemp(join(tmpdir(), 'tore-readings-'));
    const readings = join(folder, 'readings.json');
    const read = (values: Record<string, unknown>): Promise<void> => writeFile(readings, JSON.stringify(values));
    await read({ idleSeconds: 0 });
    const tore = await launchServing({ env: { TORE_TEST_READINGS: readings } });
    const { window } = tore;
    const state = window.getByTestId('status-state');
    await openScreen(window, 'contribute');

    // What would happen is said before it is chosen.
    await expect(window.getByTestId('what-if-quiet')).toContainText('in use');
    await expect(window.getByTestId('what-if-allIn')).toContainText('would work now');
    await window.getByTestId('preset-quiet').click();
    await expect(state).toContainText('Paused');
    await expect(window.getByTestId('policy-verdict')).toContainText('The computer is in use');
    await tore.screenshot('contribute-in-use');

    await read({ idleSeconds: 3_600 });
    await expect(state).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    await read({ idleSeconds: 3_600, exclusiveRunning: ['blender'] });
    await expect(state).toContainText('Paused');
    await expect(window.getByTestId('device-state-cpu')).toContainText('blender is running');
    await read({ idleSeconds: 3_600 });
    await expect(state).toContainText('Serving', { timeout: READY_TIMEOUT_MS });

    await window.getByTestId('snooze-cpu').click();
    await window.getByTestId('snooze-cpu-hour1').click();
    await expect(state).toContainText('Snoozed');
    await expect(window.getByTestId('device-state-cpu')).toContainText('paused by you until');
    await tore.close();

    // The snooze outlives the app.
    const again = await launchTore({ profile: tore.profile, env: { TORE_TEST_READINGS: readings } });
    await expect(again.window.getByTestId('status-state')).toContainText('Snoozed', { timeout: READY_TIMEOUT_MS });
    await openScreen(again.window, 'contribute');
    await again.window.getByTestId('resume-cpu').click();
    await expect(again.window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    await rm(folder, { recursive: true, force: true });
  },
);
