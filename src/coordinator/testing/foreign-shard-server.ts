import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

/** An activation server written from the table. Token i of the answer is 65 + i; the hidden size is 8. */
export class ShardServer {
  readonly calls: { readonly path: string; readonly body: Json }[] = [];
  private readonly server: Server;
  port = 0;

  constructor(
    private readonly options: {
      readonly flat?: boolean;
      readonly answer?: (path: string, body: Json) => unknown;
      readonly html?: boolean;
    } = {},
  ) {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Json;
        this.calls.push({ path, body });
        if (this.options.html === true) {
          response.writeHead(200, { 'content-type': 'text/html' });
          response.end('<html>not a shard</html>');
          return;
        }
        response.writeHead(200, { 'content-type': 'application/json' });
        const answer = Promise.resolve(this.options.answer?.(path, body));
        void answer.then((given) => response.end(JSON.stringify(given ?? this.reply(path, body))));
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private reply(path: string, body: Json): Json {
    if (path === '/shard/tokenize') {
      const ids = [...Buffer.from(String(body['prompt']))].map((byte) => byte % 256);
      return { input_ids: ids, token_count: ids.length, node_id: 'n' };
    }
    const facts = { flops_delivered: 1e12, node_id: 'n', layer_start: 0, layer_end: 7, latency_ms: 1.5 };
    const sequence = body['input_ids'] as number[] | undefined;
    const positions = sequence?.length ?? (body['activations'] as number[][][])[0]?.length ?? 0;
    if (body['is_last_shard'] !== true) {
      const rows = Array.from({ length: positions }, (_, row) =>
        Array.from({ length: 8 }, (__, column) => row + column / 8),
      );
      return { activations: this.options.flat === true ? rows.flat() : [rows], ...facts };
    }
    if (body['is_first_shard'] === true) {
      const count = Number(body['max_new_tokens']);
      const ids = Array.from({ length: count }, (_, index) => 65 + index);
      return { output_ids: ids, text: String.fromCharCode(...ids), ...facts };
    }
    const token = 65 + positions - 5;
    return { output_ids: [token], text: String.fromCharCode(token), ...facts };
  }
}
