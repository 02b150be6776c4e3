// Every process of the app is killed once: it comes back, says so, and nothing that was written is lost.
import { ask, completeWelcome, goldenCase, openScreen, READY_TIMEOUT_MS } from './actions';
import { expect, test, type ToreApp } from './fixtures';

const QUESTION = 'What is GFT?';

/** Kills a utility process as a crash would; resolves once another one of that name runs. */
async function killProcess({ electron }: ToreApp, name: string): Promise<void> {
  const find = (): Promise<number | null> =>
    electron.evaluate(
      ({ app }, wanted) =>
        app.getAppMetrics().find((one) => one.serviceName === wanted || one.name === wanted)?.pid ?? null,
      name,
    );
  await expect.poll(find, { timeout: READY_TIMEOUT_MS }).not.toBeNull();
  const pid = await find();
  if (pid === null) throw new Error(`no process ${name}`);
  process.kill(pid, 'SIGKILL');
  await expect
    .poll(
      async () => {
        const now = await find();
        return now !== null && now !== pid;
      },
      { timeout: READY_TIMEOUT_MS },
    )
    .toBe(true);
}

test('processes that die are started again, the person is told, and the conversation is whole', async ({ tore }) => {
  test.setTimeout(240_000);
  const { window } = tore;
  const golden = await goldenCase(QUESTION);
  await completeWelcome(window);
  await openScreen(window, 'chat');
  await ask(window, QUESTION);
  await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, { timeout: READY_TIMEOUT_MS });
  await expect(window.getByTestId('answer-facts').last()).toContainText('GFT');

  for (const name of ['Tore library', 'Tore coordinator', 'Tore inference']) await killProcess(tore, name);
  await expect(window.getByTestId('status-state')).toContainText('Serving', { timeout: READY_TIMEOUT_MS });
  await ask(window, QUESTION);
  await expect(window.getByTestId('answer-text').last()).toHaveText(golden.greedy_text, { timeout: READY_TIMEOUT_MS });
  await expect(window.getByTestId('answer-text')).toHaveCount(2);

  await openScreen(window, 'dashboard');
  await expect(window.getByText(/coordinator of this computer stopped unexpectedly/i).first()).toBeVisible();
  await expect(window.getByText(/library stopped unexpectedly/i).first()).toBeVisible();
  await expect(window.getByText(/engine process ended unexpectedly/i).first()).toBeVisible();
  await tore.screenshot('dashboard-recovered');
});

test('a window whose page dies is opened again with everything it showed', async ({ tore }) => {
  tore.expectProblem(/the page crashed/);
  await completeWelcome(tore.window);
  const { electron } = tore;
  await electron.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer(),
  );
  const text = (selector: string): Promise<string> =>
    electron.evaluate(
      ({ BrowserWindow }, wanted) =>
        BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript(
          `document.querySelector(${JSON.stringify(wanted)})?.textContent ?? ''`,
        ) as Promise<string>,
      selector,
    );
  await expect.poll(() => text('[data-testid="status-state"]'), { timeout: READY_TIMEOUT_MS }).toContain('Serving');
  await expect.poll(() => text('main')).toContain('opened again');
});
