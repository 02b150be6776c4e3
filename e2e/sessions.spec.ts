// Two labs that never met, from the search to the export: two apps with profiles and keys of their own, one coordinator,
// and a third program that joins as an observer and verifies everything offline.
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SessionClient } from '../src/coordinator/testing/session-client';
import { newTestKey } from '../src/coordinator/testing/ws-node';
import { chooseOption, openScreen, READY_TIMEOUT_MS, readJoinDetails } from './actions';
import { expect, test } from './fixtures';
import { exportAgreement, exportSession, openUnderAgreement, post } from './session-actions';
import { agree, createKey, joinCoordinator, publishRecord } from './trust-actions';

const run = promisify(execFile);
const WITHIN = { timeout: READY_TIMEOUT_MS };
const TORE = resolve(import.meta.dirname, '../out/main/tore.js');

interface ModelServer {
  readonly server: Server;
  readonly url: string;
  readonly asked: string[];
  /** Lets answers end; until then each stops before its last word, so that what is seen meanwhile can be waited for. */
  finish(): void;
}

/** A server as people run them at home, written from its documentation: streamed chat completions. */
async function startModelServer(answer: string): Promise<ModelServer> {
  const asked: string[] = [];
  let finish = (): void => undefined;
  const mayEnd = new Promise<void>((done) => {
    finish = done;
  });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      asked.push(body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const piece = (content: string, finish: string | null): string =>
        `data: ${JSON.stringify({
          id: 'c',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'helper-1',
          choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: finish }],
        })}\n\n`;
      const words = answer.split(/(?<= )/);
      const last = words.pop() ?? '';
      for (const word of words) response.write(piece(word, null));
      void mayEnd.then(() => response.end(`${piece(last, null)}${piece('', 'stop')}data: [DONE]\n\n`));
    });
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked, finish };
}

test('two labs find each other, agree and hold a session whose models, costs and signatures anybody can check', async ({
  launchServing,
}) => {
  test.setTimeout(480_000);
  const folder = await mkdtemp(join(tmpdir(), 'tore-session-'));
  const { server, url, asked, finish } = await startModelServer('A shard is a range of layers of one model.');
  const observers: SessionClient[] = [];
  try {
    const [ada, ben] = [await launchServing(), await launchServing()];
    await openScreen(ada.window, 'sessions');
    await expect(ada.window.getByTestId('session-begin')).toBeVisible();
    await ada.screenshot('sessions-empty');

    // They publish, find each other, test each other, and sign terms that count in credits.
    const details = await readJoinDetails(ada.window);
    await joinCoordinator(ben.window, details.url, details.accessToken);
    const keys = [
      await createKey(ada.window, 'Spectra Lab', 'University of the North'),
      await createKey(ben.window, 'Corpus Group', 'Institute of the South'),
    ];
    expect(keys[0]).not.toBe(keys[1]);
    await publishRecord(ada.window, 'science', 'chemistry', 'org/chem-7b');
    await publishRecord(ben.window, 'language', 'sour_dough', 'org/words-1b');
    await agree(ada.window, ben.window, 'Corpus Group', { cost: { unit: 'credits', rate: 1_000_000 } });

    // Ada opens a session under what they signed; Ben sees it there, and joins without a code.
    await openUnderAgreement(ada.window, 'Assay planning', 'Ada');
    await openScreen(ben.window, 'sessions');
    await expect(ben.window.getByTestId('session-offer')).toContainText('Assay planning', WITHIN);
    await ben.screenshot('sessions-offer');
    await ben.window.getByTestId('session-offer-join').click();
    await ben.window.getByTestId('session-join-name').fill('Ben');
    await ben.window.getByTestId('session-join').click();
    await expect(ben.window.getByTestId('session-input')).toBeVisible(WITHIN);
    await expect(ben.window.getByTestId('session-offer')).toHaveCount(0);

    // A third program watches.
    await ada.window.getByTestId('session-invite').click();
    await ada.window.getByText('Observer', { exact: true }).click();
    await ada.window.getByTestId('invitation-make').click();
    const watching = (await ada.window.getByTestId('invitation-link').innerText()).trim();
    await ada.screenshot('sessions-invite');
    await ada.window.keyboard.press('Escape');
    const sessionId = /session\/([0-9a-f-]{36})/.exec(watching)?.[1] ?? '';
    const headers = { authorization: `Bearer ${details.accessToken}` };
    const observer = await SessionClient.connect(details.url, 'Cy', newTestKey(), headers);
    observers.push(observer);
    await observer.join(sessionId, new URLSearchParams(watching.split('?')[1]).get('code') ?? '');
    await expect(ada.window.getByTestId('session-person')).toHaveCount(3, WITHIN);

    // Ben brings a model on a server of his own; it answers when it is mentioned.
    await ben.window.getByTestId('own-model-add').click();
    await ben.window.getByTestId('own-model-name').fill('helper');
    await ben.window.getByTestId('own-model-id').fill('helper-1');
    await ben.window.getByTestId('own-model-url').fill(url);
    await ben.window.getByTestId('own-model-save').click();
    await chooseOption(ben.window, 'own-model-select', /helper/);
    await chooseOption(ben.window, 'own-model-rule', /mentioned/);
    await expect(ben.window.getByTestId('session-estimate')).toHaveCount(0);
    await expect(ada.window.getByTestId('session-person').filter({ hasText: 'helper-1' })).toHaveCount(1, WITHIN);

    await post(ada.window, '@helper What is a shard?');
    await expect(ada.window.getByTestId('session-stream').first()).toContainText('A shard is a range', WITHIN);
    finish();
    await expect(ada.window.getByTestId('session-turn')).toHaveCount(2, WITHIN);
    for (const { window } of [ada, ben]) {
      await expect(window.getByTestId('session-turn').nth(1)).toContainText('A shard is a range of layers', WITHIN);
    }
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain('What is a shard?');
    expect(asked[0]).not.toContain(details.accessToken);

    // Ada asks the network; its cost appears once the ledger has confirmed it, in the agreement's unit.
    await chooseOption(ada.window, 'own-model-select', /network/i);
    await expect(ada.window.getByTestId('session-estimate')).toContainText('GFT', WITHIN);
    await ada.window.getByTestId('own-model-ask').click();
    for (const { window } of [ada, ben]) {
      await expect(window.getByTestId('session-turn')).toHaveCount(3, WITHIN);
      await expect(window.getByTestId('turn-cost')).toContainText('credits', WITHIN);
    }
    await post(ben.window, 'Then we cut the model in two.');
    await expect(ada.window.getByTestId('session-turn')).toHaveCount(4, WITHIN);
    await ada.screenshot('sessions-room');
    await ada.window.getByText('Costs', { exact: true }).click();
    await expect(ada.window.getByTestId('statement-checked')).toContainText('1 entry confirmed', WITHIN);
    await ada.screenshot('sessions-costs');

    // The same model answers in Chat, beside the network, and there as well nobody pays for it with GFT.
    await openScreen(ben.window, 'chat');
    await chooseOption(ben.window, 'chat-model', /^helper$/);
    await ben.window.getByTestId('composer-input').fill('And what is a layer?');
    await expect(ben.window.getByTestId('estimate-line')).toContainText('paid to your provider', WITHIN);
    await ben.window.getByTestId('composer-send').click();
    await expect(ben.window.getByTestId('answer-facts')).toContainText('your own model', WITHIN);
    await expect(ben.window.getByTestId('answer-facts')).toContainText('helper-1');
    expect(asked).toHaveLength(2);
    expect(asked[1]).toContain('And what is a layer?');
    await ben.screenshot('chat-own-model');
    await openScreen(ben.window, 'sessions');

    // Everybody has the same order.
    const seen = await observer.read(sessionId);
    expect(seen.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(seen.map(({ text }) => text)[3]).toBe('Then we cut the model in two.');

    // Ben exports; a third program verifies every signature without a network, and finds a changed word.
    const file = join(folder, 'assay.tore3.json');
    await exportSession(ben, file);
    const { stdout } = await run(process.execPath, [TORE, 'verify', file, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, signatures: 4, unsigned: 0 });
    const agreementFile = join(folder, 'labs.tore2-agreement.json');
    await exportAgreement(ada, agreementFile);
    const agreed = await run(process.execPath, [TORE, 'verify', agreementFile]);
    for (const key of keys) expect(agreed.stderr).toContain(key);
    const { id: agreementId } = JSON.parse(await readFile(agreementFile, 'utf8')) as { id: string };
    // A second session under the same agreement knows what all of them have cost.
    await openUnderAgreement(ada.window, 'Second meeting', 'Ada');
    await chooseOption(ada.window, 'own-model-select', /network/i);
    await post(ada.window, 'What is a layer?');
    await ada.window.getByTestId('own-model-ask').click();
    await expect(ada.window.getByTestId('turn-cost')).toContainText('credits', WITHIN);
    await ada.window.getByText('Costs', { exact: true }).click();
    await expect(ada.window.getByTestId('statement-agreement')).toContainText(
      'Under this agreement, 2 sessions',
      WITHIN,
    );
    await ada.screenshot('sessions-agreement-costs');

    const text = await readFile(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject({ agreement_ref: agreementId });
    expect(text.match(/"inference_cost"/g)).toHaveLength(1);
    expect(text).not.toContain(details.accessToken);
    const forged = join(folder, 'forged.tore3.json');
    await writeFile(forged, text.replace('cut the model in two', 'cut the model in three'));
    const refused = await run(process.execPath, [TORE, 'verify', forged]).then(
      () => null,
      (error: { code: number }) => error.code,
    );
    expect(refused).not.toBeNull();
  } finally {
    for (const observer of observers) observer.drop();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
