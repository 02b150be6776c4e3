import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** For tests: answers as huggingface.co does, with large files behind a redirect to a storage server of its own port. */
export class HubServer {
  readonly requests: {
    readonly url: string;
    readonly range: string | undefined;
    readonly token: string | undefined;
  }[] = [];
  /** Bytes of files that were sent. */
  sentBytes = 0;
  /** Cuts connections to the storage after so many bytes in all. */
  cutAfter = Number.POSITIVE_INFINITY;
  /** Needed to read anything, where it is set. */
  token: string | null = null;
  /** Where the hub sends readers of large files. */
  storageUrl = '';
  /** Changes the listing before it is sent. */
  edit: (listing: Record<string, unknown>) => unknown = (listing) => listing;
  /** Changes what is stored. */
  spoil: (path: string, bytes: Buffer) => Buffer = (_path, bytes) => bytes;
  url = '';
  readonly commit = createHash('sha1').update('commit').digest('hex');
  readonly #servers: Server[] = [];

  private constructor(
    readonly repository: string,
    readonly files: ReadonlyMap<string, Buffer>,
  ) {}

  static async start(repository: string, files: ReadonlyMap<string, Buffer>): Promise<HubServer> {
    const hub = new HubServer(repository, files);
    hub.storageUrl = await hub.#listen((request, response) => hub.#store(request, response));
    hub.url = await hub.#listen((request, response) => hub.#answer(request, response));
    return hub;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer((request, response) => {
      const { authorization } = request.headers;
      this.requests.push({ url: request.url ?? '', range: request.headers.range, token: authorization });
      handle(request, response);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end('Access to this model is restricted.');
      return;
    }
    const { pathname } = new URL(request.url ?? '/', this.url);
    if (pathname === `/api/models/${this.repository}/revision/main`) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.edit(this.#listing())));
      return;
    }
    const path = decodeURIComponent(pathname.replace(`/${this.repository}/resolve/${this.commit}/`, ''));
    const bytes = this.files.get(path);
    if (bytes === undefined) response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    else if (isLarge(path)) response.writeHead(302, { location: `${this.storageUrl}/blob/${path}` }).end();
    else this.#send(request, response, this.spoil(path, bytes));
  }

  #store(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').replace('/blob/', ''));
    const bytes = this.files.get(path);
    if (bytes === undefined) response.writeHead(404).end();
    else this.#send(request, response, this.spoil(path, bytes));
  }

  #send(request: IncomingMessage, response: ServerResponse, whole: Buffer): void {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    let bytes = whole;
    if (range === null) response.writeHead(200);
    else {
      const first = Number(range[1]);
      const last = range[2] === '' ? whole.length - 1 : Number(range[2]);
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${whole.length}` });
      bytes = whole.subarray(first, last + 1);
    }
    const sent = bytes.subarray(0, Math.max(0, this.cutAfter - this.sentBytes));
    this.sentBytes += sent.length;
    if (sent.length === bytes.length) response.end(sent);
    else response.write(sent, () => response.destroy());
  }

  #listing(): Record<string, unknown> {
    const siblings = [...this.files].map(([rfilename, bytes]) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const lfs = isLarge(rfilename) ? { lfs: { sha256, size: bytes.length, pointerSize: 134 } } : {};
      const content = isLarge(rfilename) ? Buffer.from('pointer') : bytes;
      const blobId = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
      return { rfilename, size: bytes.length, blobId, ...lfs };
    });
    return {
      _id: '000',
      id: this.repository,
      modelId: this.repository,
      private: false,
      gated: false,
      sha: this.commit,
      tags: ['transformers', 'safetensors', 'license:apache-2.0', 'region:us'],
      cardData: { license: 'apache-2.0', language: ['en'] },
      siblings,
    };
  }
}

function isLarge(path: string): boolean {
  return path.endsWith('.safetensors') || path.endsWith('.gguf');
}
