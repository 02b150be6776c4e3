import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { downloadTo } from './http-download';
import { CoordinatorHttp } from './http-requests';

let folder: string;
let server: Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-download-'));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => {
    server.close(closed);
  });
  await rm(folder, { recursive: true, force: true });
});

async function serve(answer: RequestListener): Promise<CoordinatorHttp> {
  server = createServer(answer);
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  return new CoordinatorHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'a-token');
}

it('writes a whole answer of any size', async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `{"seq":${index}}\n`);
  const http = await serve((request, response) => {
    expect(request.headers.authorization).toBe('Bearer a-token');
    for (const line of lines) response.write(line);
    response.end();
  });
  const file = join(folder, 'ledger.jsonl');
  expect(await downloadTo(http, '/export', file, 'Reading')).toEqual({ ok: true, value: undefined });
  expect(await readFile(file, 'utf8')).toBe(lines.join(''));
});

it('leaves nothing behind of an answer that ends early or was refused', async () => {
  const broken = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
    setImmediate(() => response.destroy());
  });
  const file = join(folder, 'ledger.csv');
  const ended = await downloadTo(broken, '/export', file, 'Reading');
  expect(ended).toMatchObject({ ok: false, error: { code: 'download-failed', retryable: true } });
  server.closeAllConnections();
  server.close();
  const refusing = await serve((_request, response) => {
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end('{"detail":"not yours"}');
  });
  expect(await downloadTo(refusing, '/export', file, 'Reading')).toMatchObject({
    ok: false,
    error: { code: 'coordinator-refused', message: expect.stringContaining('not yours') },
  });
  expect(await downloadTo(refusing, '/export', join(folder, 'none', 'x'), 'Reading')).toMatchObject({ ok: false });
  expect(await readdir(folder)).toEqual([]);
});
