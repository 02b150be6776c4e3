// An institution lets members in alone: how somebody with a code comes in, and what somebody without one is told.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test } from './fixtures';
import { startCoordinator } from './headless-coordinator';

const ADMINISTRATOR = 'the-administrator-of-this-test-only';
const WHOM_TO_ASK = 'Ask Ada in room 12 for an invitation.';

async function newInvitation(url: string): Promise<string> {
  const made = await fetch(`${url}/admin/invitations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMINISTRATOR}`, 'content-type': 'application/json' },
    body: '{}',
  });
  return ((await made.json()) as { code: string }).code;
}

test('an institution says whom to ask, and lets in whoever enters its invitation', async ({ launchMeasured }) => {
  test.setTimeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-institution-'));
  const coordinator = await startCoordinator(folder, undefined, {
    TORE_ACCESS_TOKEN: '',
    TORE_ACCESS_POLICY: 'institution',
    TORE_ADMINISTRATOR_TOKEN: ADMINISTRATOR,
    TORE_JOIN_INSTRUCTIONS: WHOM_TO_ASK,
  });
  try {
    const { window, screenshot, log } = await launchMeasured();
    const accept = window.getByTestId('welcome-accept');
    await expect(window.getByTestId('welcome-next').or(accept).first()).toBeVisible({ timeout: READY_TIMEOUT_MS });
    while (!(await accept.isVisible())) await window.getByTestId('welcome-next').click();
    await expect(window.getByTestId('welcome-invitation')).toHaveCount(0);
    await window.getByTestId('welcome-coordinator-url').fill(coordinator.url);
    await window.getByTestId('welcome-invitation').fill('no_code');
    await expect(accept).toBeDisabled();
    await window.getByTestId('welcome-invitation').fill('WRONG-CODE-HERE');
    await screenshot('welcome-invitation');
    await expectAccessible(window, 'Welcome with an invitation');
    await accept.click();

    // The wrong code is refused; without one the coordinator says whom to ask.
    await expect(window.getByText('This invitation code is wrong').first()).toBeVisible({ timeout: READY_TIMEOUT_MS });
    await screenshot('welcome-invitation-refused');
    await window.getByTestId('welcome-open-dashboard').click();
    await openScreen(window, 'settings');
    const refusal = window.getByTestId('invitation-refusal');
    await expect(refusal).toContainText('This invitation code is wrong', { timeout: READY_TIMEOUT_MS });
    await window.getByRole('button', { name: 'Remove', exact: true }).click();
    await expect(refusal).toContainText(WHOM_TO_ASK, { timeout: READY_TIMEOUT_MS });
    await screenshot('settings-invitation-refused');
    await expectAccessible(window, 'Settings with a refused invitation');

    const code = await newInvitation(coordinator.url);
    await window.getByTestId('invitation-field').fill(` ${code.slice(0, 6)} ${code.slice(6)}`);
    await window.getByTestId('invitation-save').click();
    await expect(window.getByText('A code is stored.')).toBeVisible();
    await openScreen(window, 'dashboard');
    await expect(window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
    expect(log.join('\n')).not.toContain(code);
  } finally {
    coordinator.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
