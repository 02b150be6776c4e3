// Conversations that move: in from another product, found, read in all branches, gone on with in Chat, out as a document any
// tool can check, and into a second library without a difference. And what hostile ones cannot do.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ToreApi } from '../src/contract';
import { fullChatGpt } from '../src/library/import/testdata/exports';
import { zipBytes } from '../src/library/import/testdata/zip-bytes';
import { ask, goldenCase, openScreen, READY_TIMEOUT_MS, saveNextTo } from './actions';
import { dropFiles } from './drop';
import { expect, test } from './fixtures';

const QUESTION = 'What is a shard?';
/** One red pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

let folder = '';
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-e2e-files-'));
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

async function canonical(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8')) as unknown;
}

test('a ChatGPT export is dropped, found, read, gone on with, exported and taken by a second library', async ({
  launchTore,
  launchServing,
}) => {
  test.setTimeout(300_000);
  const first = await launchServing();
  const { window } = first;

  const zip = join(folder, 'export.zip');
  await writeFile(
    zip,
    zipBytes([
      { name: 'conversations.json', content: JSON.stringify([fullChatGpt()]) },
      { name: 'file-AbC123xyz-beach.png', content: PNG },
    ]),
  );
  // On any screen: the dashboard is open.
  await dropFiles(first, [zip], false);
  await expect(window.getByTestId('drop-overlay')).toContainText('Import one file');
  await first.screenshot('library-drop');
  await dropFiles(first, [zip]);
  await expect(window.getByTestId('import-outcome')).toContainText('1 new conversation', { timeout: READY_TIMEOUT_MS });
  await expect(window.getByTestId('drop-overlay')).toHaveCount(0);
  await first.screenshot('library-import-report');
  await window.getByTestId('import-show').click();
  await expect(window.getByTestId('library-row')).toHaveCount(1);
  await window.getByTestId('import-dismiss').click();
  await expect(window.getByTestId('import-panel')).toHaveCount(0);

  // Twice makes no second one.
  await dropFiles(first, [zip]);
  await expect(window.getByTestId('import-outcome')).toContainText('1 there already', { timeout: READY_TIMEOUT_MS });
  // The report leaves room for questions.
  await openScreen(window, 'chat');
  const composer = await window.getByTestId('composer-input').boundingBox();
  await expect
    .poll(async () => {
      const panel = await window.getByTestId('import-panel').boundingBox();
      return (panel?.y ?? 0) + (panel?.height ?? 0);
    })
    .toBeLessThanOrEqual(composer?.y ?? 0);
  await first.screenshot('library-report-in-chat');
  await openScreen(window, 'library');
  await window.getByTestId('import-dismiss').click();

  await window.getByTestId('library-search').fill('twice');
  await expect(window.getByTestId('library-hit').first()).toContainText(/twice a day/, { timeout: READY_TIMEOUT_MS });
  await window.getByTestId('library-hit').first().click();
  const reader = window.getByTestId('library-reader');
  await expect(reader).toBeVisible();
  await first.screenshot('library-search');
  await window.getByTestId('library-search').fill('');

  // The other branch of the question.
  const branches = reader.getByTestId('branch-switch').first();
  await expect(branches).toBeVisible();
  const before = await reader.getByTestId('reader-message').allInnerTexts();
  const goes = (await branches.getByTestId('branch-previous').isEnabled()) ? 'branch-previous' : 'branch-next';
  await branches.getByTestId(goes).click();
  await expect.poll(() => reader.getByTestId('reader-message').allInnerTexts()).not.toEqual(before);
  await expect(reader.getByRole('img').first()).toBeVisible();
  await first.screenshot('library-reader');

  await reader.getByTestId('reader-continue').click();
  await expect(window.getByTestId('handoff-hindrance')).toContainText('too few');
  await window.getByTestId('handoff-reason').fill('A second opinion.');
  await first.screenshot('library-handoff');
  await window.getByTestId('handoff-continue').click();
  await expect(window.getByTestId('handoff-note')).toContainText('chatgpt');
  const golden = await goldenCase(QUESTION);
  await ask(window, QUESTION);
  const answer = window.getByTestId('answer-text').last();
  await expect(window.getByTestId('answer-facts').last()).toContainText('GFT', { timeout: READY_TIMEOUT_MS });
  await expect(answer).not.toBeEmpty();
  expect(golden.greedy_text.length).toBeGreaterThan(0);
  await first.screenshot('library-continued');

  await openScreen(window, 'library');
  await window.getByTestId('library-places').click();
  await window.getByTestId('library-all').click();
  await window.getByTestId('library-row').first().click();
  await expect(reader).toContainText(QUESTION);
  const exported = join(folder, 'out.tore5.json');
  await saveNextTo(first, exported);
  await reader.getByTestId('reader-export').click();
  await window.getByTestId('export-tore5').click();
  await expect(window.getByText('One conversation was written')).toBeVisible();

  const schema = await canonical(resolve(import.meta.dirname, '../schemas/tore-0005.schema.json'));
  const validate = new Ajv2020({ strict: true }).compile(schema as object);
  const document = await canonical(exported);
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  expect(document).toMatchObject({
    source: { platform: 'chatgpt' },
    handoff: { reason: 'A second opinion.' },
    context_snapshot: { created_by: 'extraction rules' },
  });

  // What the system would take along when the line is dragged out of the window.
  const dragged = await first.electron.evaluate(async ({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents;
    if (contents === undefined) throw new Error('no window');
    return new Promise<string>((fulfil) => {
      contents.startDrag = (item) => fulfil(item.files?.[0] ?? item.file);
      void contents.executeJavaScript(
        `document.querySelector('[data-testid="library-row"]').dispatchEvent(new DragEvent('dragstart', {bubbles: true, cancelable: true}))`,
      );
    });
  });
  expect(dragged).toMatch(/\.tore5\.json$/);
  expect(await canonical(dragged)).toEqual(document);
  await first.close();

  // Into a second, fresh profile: the same.
  const second = await launchServing();
  await dropFiles(second, [exported]);
  await expect(second.window.getByTestId('import-outcome')).toContainText('1 new', { timeout: READY_TIMEOUT_MS });
  await second.window.getByTestId('import-show').click();
  await second.window.getByTestId('library-row').click();
  const again = join(folder, 'again.tore5.json');
  await saveNextTo(second, again);
  await second.window.getByTestId('reader-export').click();
  await second.window.getByTestId('export-tore5').click();
  await expect(second.window.getByText('One conversation was written')).toBeVisible();
  expect(await canonical(again)).toEqual(document);
  await second.close();

  // Opened from the desktop: the app starts on it.
  const third = await launchTore({ profile: second.profile, args: [exported] });
  await expect(third.window.getByTestId('library-reader')).toContainText(QUESTION, { timeout: READY_TIMEOUT_MS });
  await expect(third.window.getByTestId('import-outcome')).toContainText('1 there already');
  await third.window.getByTestId('import-dismiss').click();

  // Deleted and taken back.
  await third.window.getByTestId('reader-delete').click();
  await expect(third.window.getByTestId('library-row')).toHaveCount(0);
  await third.window.getByTestId('undo-delete').click();
  await expect(third.window.getByTestId('library-row')).toHaveCount(1);
});

/** A server of files; what it was asked for is kept. */
async function serveFiles(
  files: Readonly<Record<string, Buffer>>,
): Promise<{ server: Server; url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const content = files[request.url ?? ''];
    if (request.url === '/elsewhere') response.writeHead(302, { location: '/good.png' }).end();
    else if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'image/png' }).end(content);
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function attachment(id: string, content: Buffer, uri: string | null): object {
  return {
    id,
    name: `${id}.png`,
    media_type: 'image/png',
    size_bytes: content.length,
    checksum: { algorithm: 'sha-256', value: createHash('sha256').update(content).digest('hex') },
    ...(uri === null ? { storage: 'inline', data: content.toString('base64') } : { storage: 'reference', uri }),
  };
}

const HOSTILE = [
  '<script>window.pwned = 1</script>',
  '<img src=x onerror="window.pwned = 2">',
  '<iframe src="https://evil.example"></iframe><object data="https://evil.example"></object>',
  '<svg onload="window.pwned = 3"><script>window.pwned = 4</script></svg>',
  '<style>* { display: none }</style><meta http-equiv="refresh" content="0; url=https://evil.example">',
  '<form action="https://evil.example"><button>press</button></form>',
  '[script link](javascript:window.pwned=5) [data link](data:text/html,<script>window.pwned=6</script>)',
  '[file link](file:///etc/passwd) [inside link](app://tore/index.html#x) [relative](/index.html)',
  '<https://evil.example/auto> and [honest text](https://elsewhere.example/path?q=1)',
  '![remote](https://evil.example/pixel.png) ![local](file:///etc/hostname)',
  '![vector](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)',
  '![liar](data:image/png;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)',
  `![pixel](data:image/png;base64,${PNG.toString('base64')})`,
  '$\\href{javascript:window.pwned=7}{x}$ $\\includegraphics{https://evil.example/a.png}$ $\\htmlData{a=b}{x}$',
  '```html\n<script>window.pwned = 8</script>\n```',
  '[ref]: javascript:window.pwned=9\n\n[ref]',
].join('\n\n');

test('hostile conversations run nothing, load nothing, go nowhere', async ({ servingTore: tore }) => {
  test.setTimeout(240_000);
  const { window, electron } = tore;
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=10"><script>window.pwned=11</script></svg>',
  );
  const { server, url, asked } = await serveFiles({
    '/good.png': PNG,
    '/changed.png': Buffer.from('something else, longer'),
  });
  try {
    const parts = [
      { type: 'text', text: HOSTILE },
      { type: 'text', text: '<b onclick="window.pwned=12">html</b>', format: 'html' },
      { type: 'code', code: '</code></pre><script>window.pwned = 13</script>', language: 'html"><script>' },
      { type: 'image', attachment_id: 'vector', alt: '"><script>window.pwned=14</script>' },
      { type: 'image', attachment_id: 'good' },
      { type: 'image', attachment_id: 'changed' },
      { type: 'image', attachment_id: 'elsewhere' },
      { type: 'image', attachment_id: 'local' },
      { type: 'thinking', text: '<img src=x onerror="window.pwned=15">' },
      { type: 'tool_call', name: '<script>', arguments: '<script>window.pwned=16</script>' },
      { type: 'citation', title: '<b>x</b>', uri: 'javascript:window.pwned=17' },
      { type: 'hologram<script>', html: '<script>window.pwned=18</script>' },
    ];
    const hostile = {
      tore_spec: 'tore-0005',
      id: 'hostile',
      title: '<img src=x onerror="window.pwned=19">',
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      source: { platform: '<script>window.pwned=20</script>' },
      participants: [
        { id: 'h', role: 'human', name: '<b>Mallory</b>' },
        { id: 'm', role: 'model', model: '<i>m</i>' },
      ],
      messages: [
        { id: '1', participant_id: 'h', content: parts },
        { id: '2', parent_id: '1', participant_id: 'm', content: parts },
      ],
      head: '2',
      attachments: [
        attachment('vector', svg, null),
        attachment('good', PNG, `${url}/good.png`),
        attachment('changed', PNG, `${url}/changed.png`),
        attachment('elsewhere', PNG, `${url}/elsewhere`),
        attachment('local', PNG, 'file:///etc/hostname'),
      ],
    };
    const file = join(folder, 'hostile.json');
    await writeFile(file, JSON.stringify(hostile));
    await dropFiles(tore, [file]);
    await expect(window.getByTestId('import-outcome')).toContainText('1 new', { timeout: READY_TIMEOUT_MS });
    await window.getByTestId('import-show').click();
    await window.getByTestId('import-dismiss').click();
    await window.getByTestId('library-row').click();
    const reader = window.getByTestId('library-reader');
    await expect(reader).toContainText('honest text');

    const judge = async (): Promise<void> => {
      const seen = await window.evaluate(() => ({
        pwned: (window as unknown as { pwned?: number }).pwned,
        address: location.href,
        frames: document.querySelectorAll('iframe, object, embed, form, base, meta[http-equiv]').length,
        scripts: [...document.scripts].filter(({ src }) => !src.startsWith('app://tore/')).length,
        links: document.querySelectorAll('main a[href]').length,
        pictures: [...document.images].map(({ src }) => src.slice(0, 22)),
        handlers: document.querySelectorAll('[onerror], [onload], [onclick]').length,
      }));
      expect(seen.pwned).toBeUndefined();
      expect(seen.address).toMatch(/^app:\/\/tore\//);
      expect([seen.frames, seen.scripts, seen.links, seen.handlers]).toEqual([0, 0, 0, 0]);
      for (const source of seen.pictures) expect(source).toMatch(/^(data:image\/png;base64|app:\/\/tore\/library-pic)/);
    };
    await judge();
    await tore.screenshot('library-hostile');
    for (const name of ['script link', 'data link', 'file link', 'inside link', 'relative']) {
      await reader
        .getByText(name, { exact: false })
        .first()
        .click({ position: { x: 4, y: 4 } });
    }
    await expect(window.getByTestId('link-address')).toHaveCount(0);
    await judge();

    // A link of the web asks first, says where it leads, and opens outside.
    await electron.evaluate(({ shell }) => {
      const opened: string[] = [];
      Object.assign(globalThis, { opened });
      shell.openExternal = (address) => {
        opened.push(address);
        return Promise.resolve();
      };
    });
    await reader.getByRole('link', { name: 'honest text' }).first().click();
    await expect(window.getByTestId('link-address')).toHaveText('https://elsewhere.example/path?q=1');
    const opened = (): Promise<string[]> =>
      electron.evaluate(() => (globalThis as unknown as { opened: string[] }).opened);
    expect(await opened()).toEqual([]);
    await window.getByTestId('link-open').click();
    await expect.poll(opened).toEqual(['https://elsewhere.example/path?q=1']);
    const refused = await window.evaluate(() =>
      (globalThis as unknown as { tore: ToreApi }).tore.call('app:open-link', { url: 'javascript:alert(1)' }),
    );
    expect(refused).toMatchObject({ ok: false, error: { code: 'address-refused' } });

    // Files kept elsewhere are fetched on demand only, from there only, and kept only when they are the right ones.
    expect(asked).toEqual([]);
    const fetchers = reader.getByTestId('reader-message').first().getByTestId('fetch-attachment');
    await expect(fetchers).toHaveCount(3);
    await fetchers.nth(1).click();
    await expect(window.getByText(/is not the file the conversation names/)).toBeVisible();
    await fetchers.nth(2).click();
    await expect(window.getByText(/could not be fetched from/)).toBeVisible();
    expect(asked).toEqual(['/changed.png', '/elsewhere']);
    await fetchers.nth(0).click();
    await expect(fetchers).toHaveCount(2);
    expect(asked).toEqual(['/changed.png', '/elsewhere', '/good.png']);
    await judge();

    // The same in Chat.
    await reader.getByTestId('reader-continue').click();
    await window.getByTestId('handoff-continue').click();
    await expect(window.getByTestId('answer-text').first()).toContainText('honest text');
    await judge();
  } finally {
    server.close();
  }
});

test('unsaved text of a project stays while its files change', async ({ servingTore: tore }) => {
  test.setTimeout(180_000);
  const { window, electron } = tore;
  const path = join(folder, 'assays.tore4.json');
  const times = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };
  const project = { tore_spec: 'tore-0004', id: 'assays', name: 'Assays', instructions: 'Be kind', conversations: [] };
  await writeFile(path, JSON.stringify({ ...project, attachments: [], ...times }));
  await dropFiles(tore, [path]);
  await expect(window.getByTestId('import-panel')).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await openScreen(window, 'library');
  await window.getByTestId('import-dismiss').click();
  await window.getByTestId('library-places').click();
  await window.getByTestId('library-project').click();
  await window.keyboard.press('Escape');
  const pane = window.getByTestId('project-pane');
  const instructions = pane.getByLabel('Instructions, block 1');
  await expect(instructions).toHaveValue('Be kind');

  const file = join(folder, 'notes.txt');
  await writeFile(file, 'notes');
  await electron.evaluate(({ dialog }, filePath) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [filePath] });
  }, file);
  await instructions.fill('Be kind, and cite what you use.');
  await pane.getByRole('button', { name: 'Add files' }).click();
  await expect(pane.getByRole('button', { name: 'Remove notes.txt' })).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await expect(instructions).toHaveValue('Be kind, and cite what you use.');
  await tore.screenshot('library-project');
  await pane.getByTestId('project-save').click();
  await expect(pane.getByTestId('project-save')).toBeDisabled();
  await pane.getByRole('button', { name: 'Remove notes.txt' }).click();
  await expect(pane.getByRole('button', { name: 'Remove notes.txt' })).toHaveCount(0, { timeout: READY_TIMEOUT_MS });
  await expect(instructions).toHaveValue('Be kind, and cite what you use.');
  await expect(pane.getByTestId('project-save')).toBeDisabled();
});
