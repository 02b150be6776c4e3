// The Sessions screen with what a lively group puts into it, in its states and widths; and links that are opened from outside.
import { createServer, type ServerResponse } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { ToreApi } from '../src/contract';
import { SessionClient } from '../src/coordinator/testing/session-client';
import { newTestKey } from '../src/coordinator/testing/ws-node';
import { lookInBothThemes } from './accessible';
import { completeWelcome, openScreen, READY_TIMEOUT_MS, readJoinDetails, saveNextTo } from './actions';
import { expect, test, type ToreApp } from './fixtures';
import { post } from './session-actions';

const WITHIN = { timeout: READY_TIMEOUT_MS };
const LONG_NAME = 'Prof. Dr. Wilhelmine-Charlotte von Hohenzollern-Sigmaringen of the Institute for Assays';
const LONG_TEXT = 'A binding assay measures how strongly two molecules hold on to each other. '.repeat(40);
const CODE = `Cut it like this:

\`\`\`python
def tile(layers, nodes):
    """Cuts layers into ranges, one a node."""
    return [layers[i::len(nodes)] for i, _ in enumerate(nodes)]  # ${'a very long line '.repeat(12)}
\`\`\``;

async function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

async function openTitled(window: Page, title: string): Promise<void> {
  await window.getByTestId('session-begin').click();
  await window.getByTestId('session-title').fill(title);
  await window.getByTestId('session-display-name').fill('Ada');
  await window.getByTestId('session-create').click();
  await expect(window.getByTestId('session-input')).toBeVisible(WITHIN);
}

test('a full session can be read, searched and used in every width', async ({ servingTore: tore }) => {
  test.setTimeout(300_000);
  const { window, electron } = tore;
  const folder = await mkdtemp(join(tmpdir(), 'tore-session-screens-'));
  const others: SessionClient[] = [];
  try {
    const details = await readJoinDetails(window);
    await openScreen(window, 'sessions');
    await expect(window.getByTestId('session-begin')).toBeVisible();
    await lookInBothThemes(tore, 'sessions-blank');
    await openTitled(
      window,
      'Planning of the binding assays of the third quarter, with everybody from both institutes',
    );
    await lookInBothThemes(tore, 'sessions-no-turns');

    await window.getByTestId('session-invite').click();
    await window.getByTestId('invitation-make').click();
    const link = (await window.getByTestId('invitation-link').innerText()).trim();
    await window.keyboard.press('Escape');
    const sessionId = /session\/([0-9a-f-]{36})/.exec(link)?.[1] ?? '';
    const code = new URLSearchParams(link.split('?')[1]).get('code') ?? '';
    const headers = { authorization: `Bearer ${details.accessToken}` };
    const guest = await SessionClient.connect(details.url, LONG_NAME, newTestKey(), headers);
    others.push(guest);
    await guest.join(sessionId, code);
    await guest.ask({
      type: 'session-profile',
      session_id: sessionId,
      display_name: LONG_NAME,
      model: { provider: 'openai-compatible', model_id: 'a-rather-long-model-name-with-many-parts-70b-instruct-q4' },
    });

    await post(window, 'What does each of us bring?');
    for (let number = 1; number <= 25; number += 1) {
      const author = number % 5 === 0 ? 'model' : 'human';
      const text = number === 7 ? LONG_TEXT : number === 9 ? CODE : `Point ${String(number)} of the plan.`;
      await guest.post(sessionId, guest.turn(sessionId, text, { author }));
    }
    await expect(window.getByTestId('session-turn').last()).toContainText('Point 25', WITHIN);
    await window.getByTestId('session-turn').last().hover();
    await window.getByTestId('session-turn').last().getByRole('button', { name: 'Reply' }).click();
    await post(window, 'Agreed; I take the first two.');

    // An edit puts what is being written aside, stays an edit over a change of screens, and gives it back.
    const input = window.getByTestId('session-input');
    const edit = async (): Promise<void> => {
      await window.getByTestId('session-turn').last().hover();
      await window.getByTestId('session-turn').last().getByRole('button', { name: 'Edit' }).click();
      await expect(input).toHaveValue(/^Agreed/);
    };
    await expect(window.getByTestId('session-turn').last()).toContainText('Agreed', WITHIN);
    await input.fill('A long message that is not finished');
    await edit();
    await input.press('Escape');
    await expect(input).toHaveValue('A long message that is not finished');
    await edit();
    await input.fill('Agreed; I take the first three.');
    await openScreen(window, 'dashboard');
    await openScreen(window, 'sessions');
    await expect(window.getByRole('button', { name: 'Leave the turn as it is' })).toBeVisible();
    await expect(input).toHaveValue('Agreed; I take the first three.');
    await lookInBothThemes(tore, 'sessions-edit');
    await input.press('Enter');
    await expect(input).toHaveValue('A long message that is not finished');
    await expect(window.getByRole('button', { name: 'Leave the turn as it is' })).toHaveCount(0);
    await input.fill('');

    // A file of any kind goes along, is listed by what it is, and is saved as it was.
    const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1, 2, 0xff]);
    await window
      .locator('input[type=file]')
      .last()
      .setInputFiles({ name: 'gel.png', mimeType: 'application/x-executable', buffer: bytes });
    await expect(window.getByRole('button', { name: 'Remove gel.png' })).toBeVisible();
    await post(window, 'The gel of Tuesday.');
    await expect(window.getByTestId('session-turn').last()).toContainText('gel.png', WITHIN);
    await lookInBothThemes(tore, 'sessions-full');
    await window.getByText('Files', { exact: true }).click();
    await expect(window.getByTestId('session-file')).toContainText('image/png', WITHIN);
    await lookInBothThemes(tore, 'sessions-files');
    const saved = join(folder, 'saved.png');
    await saveNextTo(tore, saved);
    await window.getByTestId('session-file').getByTestId('session-file-save').click();
    await expect
      .poll(
        () =>
          readFile(saved).then(
            (read) => Buffer.compare(read, bytes),
            () => null,
          ),
        WITHIN,
      )
      .toBe(0);

    await window.getByRole('button', { name: 'Search in this session' }).click();
    await window.getByPlaceholder('Search in this session').fill('point 2');
    await expect(window.getByTestId('session-turn').first()).toContainText('Point 2');
    await lookInBothThemes(tore, 'sessions-search');
    await window.getByPlaceholder('Search in this session').fill('cut it like');
    await expect(window.getByTestId('session-turn').first()).toContainText('def tile');
    await lookInBothThemes(tore, 'sessions-code');
    await window.keyboard.press('Escape');

    await electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(720, 560));
    await expect(window.getByTestId('session-input')).toBeVisible();
    expect(await sidewaysOverflow(window), 'a full session scrolls sideways at 720 px').toBeLessThanOrEqual(0);
    await lookInBothThemes(tore, 'sessions-full-narrow');
    await window.getByTestId('session-panel-toggle').click();
    await expect(window.getByTestId('session-person').first()).toBeVisible();
    await lookInBothThemes(tore, 'sessions-people-narrow');
  } finally {
    for (const other of others) other.drop();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a hostile participant makes nobody’s app fetch, run or leave anything', async ({ servingTore: tore }) => {
  test.setTimeout(180_000);
  const { window } = tore;
  const reached: string[] = [];
  const server = createServer((request, response) => {
    reached.push(request.url ?? '');
    response.end('x');
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const bait = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const mallory: SessionClient[] = [];
  try {
    const details = await readJoinDetails(window);
    await openScreen(window, 'sessions');
    await openTitled(window, 'Open to all');
    await window.getByTestId('session-invite').click();
    await window.getByTestId('invitation-make').click();
    const link = (await window.getByTestId('invitation-link').innerText()).trim();
    await window.keyboard.press('Escape');
    const sessionId = /session\/([0-9a-f-]{36})/.exec(link)?.[1] ?? '';
    const headers = { authorization: `Bearer ${details.accessToken}` };
    const guest = await SessionClient.connect(details.url, '<img src=x onerror=alert(1)>', newTestKey(), headers);
    mallory.push(guest);
    await guest.join(sessionId, new URLSearchParams(link.split('?')[1]).get('code') ?? '');
    const hostile = [
      `![picture](${bait}/picture.png) and <img src="${bait}/tag.png"> and <script src="${bait}/script.js"></script>`,
      `[read this](${bait}/link) or [that](javascript:fetch('${bait}/javascript'))`,
      '```html\n<iframe src="' + bait + '/frame"></iframe>\n```',
      `$$\\includegraphics{${bait}/formula.png}$$`,
    ];
    for (const text of hostile) await guest.post(sessionId, guest.turn(sessionId, text, { author: 'model' }));
    const elsewhere = { type: 'image', name: '../../.profile', uri: `${bait}/attachment.png`, media_type: 'image/png' };
    await guest.post(
      sessionId,
      guest.signed({
        ...guest.turn(sessionId, 'x'),
        content: [elsewhere, { type: 'file', name: 'run.sh', uri: 'file:///bin/sh' }],
      }),
    );
    await expect(window.getByTestId('session-turn')).toHaveCount(5, WITHIN);
    await expect(window.getByTestId('session-turn').first()).toContainText('<script');
    expect(await window.locator('[data-testid=session-turn] :is(script, iframe, img)').count()).toBe(0);
    await window.getByText('Files', { exact: true }).click();
    await expect(window.getByTestId('session-file').first()).toContainText('run.sh', WITHIN);
    await expect(window.getByTestId('session-file').first().getByTestId('session-file-save')).toBeDisabled();
    // A link says where it leads and waits for an answer.
    await window.getByText('read this').click();
    await expect(window.getByTestId('link-address')).toContainText(`${bait}/link`);
    await window.keyboard.press('Escape');
    expect(reached).toEqual([]);
    expect(window.url()).toMatch(/^app:/);
  } finally {
    for (const each of mallory) each.drop();
    server.closeAllConnections();
    server.close();
  }
});

/** A link of the app, clicked in another program. */
async function clickLink({ electron }: ToreApp, text: string, event: 'second-instance' | 'open-url'): Promise<void> {
  await electron.evaluate(
    ({ app: electronApp }, [name, address]) => {
      const happening = { preventDefault: () => undefined };
      if (name === 'open-url') electronApp.emit('open-url', happening, address);
      else electronApp.emit('second-instance', happening, ['tore', address], '/');
    },
    [event, text] as const,
  );
}

/** The address of the coordinator that is chosen, or null for that of the app. */
function chosenCoordinator(window: Page): Promise<string | null> {
  return window.evaluate(async () => {
    const { tore } = globalThis as unknown as { tore: Pick<ToreApi, 'call'> };
    const snapshot = await tore.call('app:get-snapshot', null);
    if (!snapshot.ok) throw new Error(snapshot.error.message);
    const { coordinator } = snapshot.value.snapshot.settings;
    return coordinator.kind === 'remote' ? coordinator.url : null;
  });
}

test('a coordinator’s link changes nothing after Cancel, and its token goes to that coordinator alone', async ({
  launchTore,
}) => {
  test.setTimeout(180_000);
  const waiting: ServerResponse[] = [];
  const introduce = (response: ServerResponse): void => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: 'Cooperative', version: '1' }));
  };
  const server = createServer((request, response) => {
    if (request.url === '/slow/') waiting.push(response);
    else if (request.headers.authorization === 'Bearer a-token-for-the-locked-one') introduce(response);
    else response.writeHead(401).end();
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const linkTo = (url: string): string => `tore://coordinator?url=${encodeURIComponent(url)}`;
  try {
    const app = await launchTore();
    const { window } = app;
    await completeWelcome(window);
    await clickLink(app, linkTo(`${address}/slow`), 'second-instance');
    await window.getByTestId('join-link-accept').click();
    await expect.poll(() => waiting.length, WITHIN).toBe(1);
    await window.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await expect(window.getByTestId('join-link-accept')).toHaveCount(0);
    waiting.forEach(introduce);

    await clickLink(app, linkTo(`${address}/locked`), 'second-instance');
    await window.getByTestId('join-link-accept').click();
    await expect(window.getByTestId('coordinator-token')).toBeVisible(WITHIN);
    expect(await chosenCoordinator(window)).toBeNull();
    await lookInBothThemes(app, 'join-link-token');
    await window.getByTestId('coordinator-token').fill('a-token-for-the-locked-one');
    await window.getByTestId('join-link-accept').click();
    await expect.poll(() => chosenCoordinator(window), WITHIN).toBe(`${address}/locked`);
    await expect(window.getByText('A token is stored.')).toBeVisible(WITHIN);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a link from outside is shown and asks before anybody is contacted; others are refused', async ({
  launchTore,
}) => {
  test.setTimeout(180_000);
  const sessionId = '019cb1a0-3c00-7000-8000-000000000002';
  // Nobody listens there: contacting it would fail at once, and loudly.
  const link = `tore://session/${sessionId}?host=${encodeURIComponent('http://127.0.0.1:9')}&code=abcd-efgh-jkmn-pqrs`;
  const app = await launchTore({ args: [link] });
  await completeWelcome(app.window);
  await expect(app.window.getByTestId('session-join-host')).toContainText('http://127.0.0.1:9', WITHIN);
  await expect(app.window.getByTestId('session-link')).toHaveValue(link);
  await lookInBothThemes(app, 'sessions-link');
  await expect(app.window.getByTestId('session-dialog-error')).toHaveCount(0);
  await app.window.keyboard.press('Escape');
  await expect(app.window.getByTestId('session-join')).toHaveCount(0);

  await openScreen(app.window, 'dashboard');
  await clickLink(app, link, 'second-instance');
  await expect(app.window.getByTestId('session-join-host')).toBeVisible(WITHIN);
  await app.window.keyboard.press('Escape');
  await clickLink(app, link.replace('http%3A%2F%2F127.0.0.1%3A9', 'file%3A%2F%2F%2Fetc%2Fpasswd'), 'open-url');
  await expect(app.window.getByRole('alert')).toContainText('not a link to a session', WITHIN);
  await clickLink(app, 'tore://run/me', 'second-instance');
  await expect(app.window.getByRole('alert')).toContainText('not known to this version', WITHIN);
  await expect(app.window.getByTestId('session-join-host')).toHaveCount(0);
});

test('a host that says nothing is not waited for after Cancel', async ({ servingTore: tore }) => {
  const { window } = tore;
  const reached: Socket[] = [];
  const silent = createSocketServer((socket) => void reached.push(socket.on('error', () => undefined).resume()));
  await new Promise<void>((done) => void silent.listen(0, '127.0.0.1', done));
  try {
    const address = `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}`;
    const link = `tore://session/019cb1a0-3c00-7000-8000-000000000002?host=${encodeURIComponent(address)}`;
    await clickLink(tore, link, 'second-instance');
    await window.getByTestId('session-join-name').fill('Ada');
    await window.getByTestId('session-join').click();
    await expect.poll(() => reached.length, WITHIN).toBe(1);
    await window.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await expect(window.getByTestId('session-join')).toHaveCount(0);
    await expect.poll(() => reached[0]?.destroyed).toBe(true);
    await clickLink(tore, link, 'second-instance');
    await window.getByTestId('session-join-name').fill('Ada');
    await expect(window.getByTestId('session-join')).toBeEnabled();
    await expect(window.getByTestId('session-dialog-error')).toHaveCount(0);
  } finally {
    for (const socket of reached) socket.destroy();
    silent.close();
  }
});
