import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ByteFile } from '../../inference/models/byte-file';
import { success, type Result } from '../../protocol/result';
import { announcedAddress } from '../activation-server/announced-address';
import type { Clock } from '../clock';
import type { LayerSharingPreferences } from '../contributor-options';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import { ByteAllowance } from './byte-allowance';
import type { SharedModel } from './shared-model';

/** As the coordinator's own route, so that a reader needs to know only one. */
const FILES_PATH = /^\/inference\/models\/files\/([0-9a-f]{64})\/(.{1,1200})$/;
/** Readers at once; beyond it they go to the next source. */
const MAX_READERS = 8;
const BLOCK_BYTES = 256 << 10;
/** A reader that sends no request, or takes nothing for so long, is let go. */
const IDLE_MS = 30_000;

/**
 * Where other nodes read the layers this one holds, at a limited speed and over plain HTTP: readers verify every tensor
 * against the manifest, so nobody between can change what they get.
 */
export class LayerDoor {
  private server: Server | null = null;
  private current: { readonly key: string; readonly host: string; readonly port: number } | null = null;
  private readers = 0;

  /** @param shared - what is shared now; null: nothing */
  constructor(
    private readonly shared: () => SharedModel | null,
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
  ) {}

  /** Listens where the preferences say; does nothing when it does already. */
  async open(preferences: LayerSharingPreferences): Promise<Result<{ host: string; port: number }, NodeErrorCode>> {
    const key = JSON.stringify(preferences);
    if (this.current?.key === key) return success(this.current);
    await this.close();
    const { host, port, bytesPerSecond } = preferences;
    const allowance = new ByteAllowance(bytesPerSecond, this.clock);
    const server = createServer((request, response) => void this.answer(request, response, allowance));
    server.headersTimeout = IDLE_MS;
    server.timeout = IDLE_MS;
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (thrown) {
      server.close();
      return nodeFailure('listen-failed', `Layers cannot be shared on ${host}:${port}: ${reasonOf(thrown)}.`, {
        suggestion: 'Choose another port or address.',
      });
    }
    server.on('error', (error) => this.logger.warn('Sharing layers failed', { reason: error.message }));
    this.server = server;
    const bound = (server.address() as AddressInfo).port;
    this.current = { key, host: preferences.announcedHost ?? announcedAddress(host), port: bound };
    this.logger.info('Other nodes may read the layers held here', { host, port: bound, bytesPerSecond });
    return success(this.current);
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    this.current = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse, allowance: ByteAllowance): Promise<void> {
    request.resume();
    if (this.readers >= MAX_READERS) return refuse(response, 503);
    this.readers += 1;
    try {
      await this.send(request, response, allowance);
    } catch (thrown) {
      this.logger.debug('A reader of layers was let go', { reason: reasonOf(thrown) });
      response.destroy();
    } finally {
      this.readers -= 1;
    }
  }

  private async send(request: IncomingMessage, response: ServerResponse, allowance: ByteAllowance): Promise<void> {
    const [, hash, path] = FILES_PATH.exec(request.url ?? '') ?? [];
    const shared = this.shared();
    if (request.method !== 'GET' || path === undefined || shared?.manifestHash !== hash) return refuse(response, 404);
    const file = await shared?.open(decodePath(path));
    if (file === undefined || file === null) return refuse(response, 404);
    try {
      const range = readRange(request.headers.range, file.sizeBytes);
      if (range === null) return refuse(response, 416);
      await sendRange(file, range, response, allowance, request.headers.range !== undefined);
    } finally {
      await file.close();
    }
  }
}

interface Stretch {
  readonly first: number;
  readonly end: number;
}

/** One range of bytes, the whole file without one; null for what is no range of the file. */
function readRange(header: string | undefined, sizeBytes: number): Stretch | null {
  if (header === undefined) return { first: 0, end: sizeBytes };
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header);
  if (match === null) return null;
  const first = Number(match[1]);
  const end = match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1);
  return first < end ? { first, end } : null;
}

async function sendRange(
  file: ByteFile,
  { first, end }: Stretch,
  response: ServerResponse,
  allowance: ByteAllowance,
  isPart: boolean,
): Promise<void> {
  for (let at = first; at < end;) {
    const block = new Uint8Array(Math.min(BLOCK_BYTES, end - at));
    try {
      await file.read(block, at);
    } catch {
      // A partial copy without these bytes: before anything was sent that can be said.
      if (!response.headersSent) return refuse(response, 404);
      response.destroy();
      return;
    }
    await allowance.take(block.length);
    if (response.destroyed) return;
    if (!response.headersSent) {
      const headers = { 'content-type': 'application/octet-stream', 'content-length': end - first };
      if (isPart)
        response.writeHead(206, { ...headers, 'content-range': `bytes ${first}-${end - 1}/${file.sizeBytes}` });
      else response.writeHead(200, headers);
    }
    if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    at += block.length;
  }
  response.end();
}

function decodePath(path: string): string {
  try {
    return path.split('/').map(decodeURIComponent).join('/');
  } catch {
    return '';
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}
