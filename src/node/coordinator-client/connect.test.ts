import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { systemClock } from '../clock';
import { openIdentity, type NodeIdentity } from '../identity/node-identity';
import { silentLogger } from '../logger';
import { success } from '../../protocol/result';
import { checkCoordinator } from './check-coordinator';
import { connectToCoordinator } from './connect';

const servers: Server[] = [];

async function serve(listener: RequestListener, onUpgrade?: string): Promise<string> {
  const server = createServer(listener);
  if (onUpgrade !== undefined)
    server.on('upgrade', (_request, socket) => void socket.end(`HTTP/1.1 ${onUpgrade}\r\n\r\n`));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
});

async function identity(): Promise<NodeIdentity> {
  const opened = await openIdentity({
    location: 'memory',
    load: async () => success(null),
    save: async () => success(undefined),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

const root: RequestListener = (request, response) => {
  const known = request.url === '/';
  response
    .writeHead(known ? 200 : 404, { 'content-type': 'application/json' })
    .end(known ? '{"name":"c","version":"1","token_mode":null}' : '{"detail":"Not Found"}');
};

async function connect(url: string): ReturnType<typeof connectToCoordinator> {
  return connectToCoordinator({
    url,
    accessToken: null,
    identity: await identity(),
    clock: systemClock,
    logger: silentLogger,
    resume: null,
    storedNodeId: null,
    onEvent: () => undefined,
  });
}

describe('checkCoordinator', () => {
  it('says what came back instead of a coordinator', async () => {
    const page = await serve((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><html><head><title>Welcome to nginx</title></head><body>x</body></html>');
    });
    const result = await checkCoordinator(page, null);
    expect(result).toMatchObject({ ok: false, error: { code: 'coordinator-not-tore', retryable: false } });
    expect(JSON.stringify(result)).toContain('text/html, “Welcome to nginx”');
  });

  it.each([
    [200, '{"hello":1}', 'coordinator-not-tore', false],
    [404, '{"detail":"x"}', 'coordinator-not-tore', false],
    [200, '', 'coordinator-not-tore', false],
    [302, '', 'coordinator-not-tore', false],
    [401, '{"detail":"A token is needed."}', 'coordinator-unauthorized', false],
    [403, 'no', 'coordinator-unauthorized', false],
    [500, '<title>Oops</title>', 'coordinator-fault', true],
    [502, 'bad gateway', 'coordinator-fault', true],
    [521, '', 'coordinator-fault', true],
    [200, 'x'.repeat(2_000_000), 'answer-too-large', false],
  ])('status %i, body %.20j', async (status, body, code, retryable) => {
    const url = await serve((_request, response) => {
      response
        .writeHead(status, { 'content-type': 'application/json', location: 'https://elsewhere.example/' })
        .end(body);
    });
    expect(await checkCoordinator(url, null)).toMatchObject({ ok: false, error: { code, retryable } });
  });

  it('sends the access token', async () => {
    let seen: string | undefined;
    const url = await serve((request, response) => {
      seen = request.headers.authorization;
      root(request, response);
    });
    expect(await checkCoordinator(url, 'secret')).toEqual({
      ok: true,
      value: { baseUrl: url, name: 'c', version: '1', tokenMode: null },
    });
    expect(seen).toBe('Bearer secret');
  });
});

describe('connectToCoordinator', () => {
  it.each([
    '404 Not Found',
    '405 Method Not Allowed',
    '426 Upgrade Required',
    '400 Bad Request',
    '501 Not Implemented',
    '200 OK',
  ])('uses HTTP where /ws answers %s', async (answer) => {
    const connected = await connect(await serve(root, answer));
    expect(connected).toMatchObject({ ok: true, value: { transport: 'http', knownNode: null } });
    if (connected.ok) connected.value.close();
  });

  it.each([
    '429 Too Many Requests',
    '500 Internal Server Error',
    '502 Bad Gateway',
    '503 Service Unavailable',
    '521 Web Server Is Down',
    '302 Found',
  ])('does not give the WebSocket up where /ws answers %s', async (answer) => {
    const result = await connect(await serve(root, answer));
    expect(result).toMatchObject({ ok: false, error: { code: 'coordinator-fault', retryable: true } });
  });

  it('says when the token is refused at the upgrade', async () => {
    const result = await connect(await serve(root, '401 Unauthorized'));
    expect(result).toMatchObject({ ok: false, error: { code: 'coordinator-unauthorized', retryable: false } });
  });

  it.each([
    ['a close with 1008', 'close', 'proof-refused'],
    ['something else', '{"type":"notice","event":1,"text":"hi"}', 'answer-invalid'],
    ['no JSON', 'garbage', 'answer-invalid'],
  ])('refuses a greeting that ends in %s', async (_name, answer, code) => {
    const url = await serve(root);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'tore.v1' });
    servers.at(-1)?.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.send(
          JSON.stringify({
            type: 'hello',
            protocol: 'tore.v1',
            coordinator_id: 'c',
            name: 'c',
            version: '1',
            token_mode: true,
            nonce: 'n'.repeat(16),
            heartbeat_seconds: 30,
          }),
        );
        webSocket.once('message', () => (answer === 'close' ? webSocket.close(1008, 'no') : webSocket.send(answer)));
      });
    });
    expect(await connect(url)).toMatchObject({ ok: false, error: { code } });
  });
});
