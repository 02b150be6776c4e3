import { expect, test } from './fixtures';

test('opens one window with content', async ({ tore }) => {
  await expect(tore.window.locator('body')).toContainText(/\S/);
  await expect(tore.window).toHaveTitle(/Tore/);
  expect(tore.electron.windows()).toHaveLength(1);
  await tore.screenshot('first-window');
});

test('gives the window no way to Node', async ({ tore }) => {
  const reach = await tore.window.evaluate(() => ({
    require: typeof Reflect.get(window, 'require'),
    process: typeof Reflect.get(window, 'process'),
    module: typeof Reflect.get(window, 'module'),
    buffer: typeof Reflect.get(window, 'Buffer'),
  }));
  expect(reach).toEqual({ require: 'undefined', process: 'undefined', module: 'undefined', buffer: 'undefined' });

  const preferences = await tore.electron.evaluate(({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents;
    // Not in the published types; the only place that tells the settings that really apply.
    const read = contents && (Reflect.get(contents, 'getLastWebPreferences') as () => Record<string, unknown>);
    const { sandbox, contextIsolation, nodeIntegration, webSecurity, webviewTag } = read?.call(contents) ?? {};
    return { sandbox, contextIsolation, nodeIntegration, webSecurity, webviewTag: webviewTag ?? false };
  });
  expect(preferences).toEqual({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
    webviewTag: false,
  });
});

test('serves the window under a content security policy', async ({ tore }) => {
  tore.expectProblem(/Content Security Policy|Refused to /);
  const policy = await tore.window.evaluate(async () => {
    const fromPage = document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content');
    return fromPage ?? (await fetch(location.href)).headers.get('content-security-policy');
  });
  expect(policy).toMatch(/default-src '(none|self)'/);
  expect(policy).not.toContain('unsafe-eval');

  // The policy must not only be written down: inline code does not run.
  const ran = await tore.window.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.inlineCodeRan = true';
    document.head.append(script);
    return Reflect.has(window, 'inlineCodeRan');
  });
  expect(ran).toBe(false);
});

test('stays on its own page', async ({ tore }) => {
  tore.expectProblem(/request to the outside|Content Security Policy|Refused to /);
  const home = tore.window.url();
  expect(home).toMatch(/^app:\/\//);

  const opened = await tore.window.evaluate(() => window.open('https://example.org/') === null);
  expect(opened).toBe(true);
  await tore.window.evaluate(() => location.assign('https://example.org/'));
  // Asked in the main process, since Playwright goes on waiting for a navigation that was denied.
  const left = await tore.electron.evaluate(async ({ BrowserWindow }) =>
    Promise.all(
      BrowserWindow.getAllWindows().map(async ({ webContents }) => ({
        url: webContents.getURL(),
        hasText: await webContents.executeJavaScript('document.body.innerText.trim().length > 0'),
      })),
    ),
  );
  expect(left).toEqual([{ url: home, hasText: true }]);
});

test('gives pages no permission', async ({ tore }) => {
  const permission = await tore.window.evaluate(async () => {
    const answer = await navigator.permissions.query({ name: 'geolocation' });
    return answer.state;
  });
  expect(permission).toBe('denied');
});
