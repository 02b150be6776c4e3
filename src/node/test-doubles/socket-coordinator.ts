import { createPublicKey, randomBytes, randomUUID, verify } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** Any JSON object; the tests read and write the wire's own names. */
export type WireObject = Record<string, unknown>;

export interface ConnectedNode {
  readonly nodeId: string;
  readonly socket: WebSocket;
  readonly received: WireObject[];
  readonly frames: Buffer[];
  shard: WireObject | null;
  send(message: WireObject): void;
}

export interface SocketCoordinatorOptions {
  readonly accessToken?: string;
  /** Answers a call instead of the default; undefined leaves it to the default, null to the test. */
  readonly onCall?: (call: WireObject, node: ConnectedNode) => WireObject | null | undefined;
  readonly suggestion?: WireObject;
  readonly models?: string[];
}

/**
 * A coordinator for tests, written from the profile's table and the wire's message list with `ws` and `node:http` alone:
 * it shares no code with the node it tests.
 */
export class SocketCoordinator {
  readonly nodes: ConnectedNode[] = [];
  readonly authentications: WireObject[] = [];
  readonly paths: string[] = [];
  private readonly idsByKey = new Map<string, string>();
  private readonly server: Server;
  private readonly sockets: WebSocketServer;
  private readonly waiting: (() => void)[] = [];

  private constructor(private readonly options: SocketCoordinatorOptions) {
    this.server = createServer((request, response) => {
      this.paths.push(`${request.method ?? ''} ${request.url ?? ''}`);
      if (!this.authorized(request.headers.authorization)) {
        response.writeHead(401, { 'content-type': 'application/json' }).end('{"detail":"A token is needed."}');
        return;
      }
      const body = this.answerHttp(request.url ?? '/');
      response
        .writeHead(body === null ? 404 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(body ?? { detail: 'Not Found' }));
    });
    this.sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'tore.v1' });
    this.server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/ws' || !this.authorized(request.headers.authorization)) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.greet(webSocket));
    });
  }

  static async start(options: SocketCoordinatorOptions = {}, port = 0): Promise<SocketCoordinator> {
    const coordinator = new SocketCoordinator(options);
    await new Promise<void>((resolve) => coordinator.server.listen(port, '127.0.0.1', resolve));
    return coordinator;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const client of this.sockets.clients) client.terminate();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  /** Waits until a condition over what arrived holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private authorized(header: string | undefined): boolean {
    return this.options.accessToken === undefined || header === `Bearer ${this.options.accessToken}`;
  }

  private answerHttp(url: string): WireObject | null {
    if (url === '/') return { name: 'Test cooperative', version: '1.2.3', status: 'ok', token_mode: true };
    if (url.startsWith('/inference/suggest/')) return this.options.suggestion ?? null;
    if (url === '/inference/models') {
      return { models: (this.options.models ?? []).map((model_id) => ({ model_id, total_layers: 4 })) };
    }
    return null;
  }

  private greet(socket: WebSocket): void {
    const nonce = randomBytes(24).toString('base64');
    const send = (message: WireObject): void => socket.send(JSON.stringify(message));
    send({
      type: 'hello',
      protocol: 'tore.v1',
      coordinator_id: 'test-coordinator',
      name: 'Test cooperative',
      version: '1.2.3',
      token_mode: true,
      nonce,
      heartbeat_seconds: 30,
    });
    socket.once('message', (data: Buffer) => {
      const proof = JSON.parse(data.toString('utf8')) as WireObject;
      const publicKey = String(proof['public_key']);
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'base64').toString('base64url') },
        format: 'jwk',
      });
      const signed = Buffer.from(`tore.v1 connect\ntest-coordinator\n${nonce}`);
      if (!verify(null, signed, key, Buffer.from(String(proof['signature']), 'base64'))) {
        socket.close(1008, 'the signature is wrong');
        return;
      }
      this.authentications.push(proof);
      const known = this.idsByKey.get(publicKey);
      const node: ConnectedNode = {
        nodeId: known ?? randomUUID(),
        socket,
        received: [],
        frames: [],
        shard: null,
        send,
      };
      this.idsByKey.set(publicKey, node.nodeId);
      this.nodes.push(node);
      socket.on('message', (message: Buffer, isBinary) => this.receive(node, message, isBinary));
      send({
        type: 'authenticated',
        connection_id: randomUUID(),
        resumed: proof['resume'] !== undefined,
        node: known === undefined ? null : this.view(known),
      });
      this.changed();
    });
  }

  private view(nodeId: string): WireObject {
    return {
      id: nodeId,
      hardware_class: 'cpu_only',
      multiplier: 0.1,
      status: 'active',
      reliability_factor: 1,
      token_balance: 10,
      registered_at: '2026-01-01T00:00:00Z',
    };
  }

  private receive(node: ConnectedNode, data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      node.frames.push(data);
    } else {
      const message = JSON.parse(data.toString('utf8')) as WireObject;
      node.received.push(message);
      if ('call_id' in message) this.reply(node, message);
    }
    this.changed();
  }

  private reply(node: ConnectedNode, call: WireObject): void {
    const own = this.options.onCall?.(call, node);
    if (own === null) return;
    const outcome = own ?? { ok: true, value: call['type'] === 'register-node' ? this.view(node.nodeId) : {} };
    if (call['type'] === 'register-shard' && outcome['ok'] === true) node.shard = call['shard'] as WireObject;
    if (call['type'] === 'remove-shard') node.shard = null;
    node.send({ type: 'reply', call_id: call['call_id'], ...outcome });
  }

  /** Messages of one type a node sent. */
  static of(node: ConnectedNode, type: string): WireObject[] {
    return node.received.filter((message) => message['type'] === type);
  }

  /**
   * Runs one request over nodes in the order of their layers, as a coordinator does: opens every hop, sends the first
   * step, relays frames untouched, feeds each token back, closes.
   */
  async drive(
    hops: readonly ConnectedNode[],
    request: WireObject & { max_new_tokens: number },
  ): Promise<{ text: string; tokenIds: number[]; tokens: WireObject[]; inputIds: number[]; finishReason: unknown }> {
    const requestId = randomUUID();
    const mine = (node: ConnectedNode, type: string): WireObject[] =>
      SocketCoordinator.of(node, type).filter((message) => message['request_id'] === requestId);
    const failures = (): WireObject[] => hops.flatMap((node) => mine(node, 'pipeline-failed'));
    const arrived = async (condition: () => boolean): Promise<void> => {
      await this.until(() => failures().length > 0 || condition());
      const [failed] = failures();
      if (failed !== undefined) throw new Error(`${String(failed['code'])}: ${String(failed['message'])}`);
    };
    hops.forEach((node, hop) => {
      node.send({
        type: 'pipeline-open',
        request_id: requestId,
        hop,
        hops: hops.length,
        model_id: node.shard?.['model_id'],
        manifest_hash: node.shard?.['manifest_hash'],
        layer_start: node.shard?.['layer_start'],
        layer_end: node.shard?.['layer_end'],
        activation_dtype: 'f32',
        ...request,
      });
    });
    const [first] = hops;
    const last = hops.at(-1);
    if (first === undefined || last === undefined) throw new Error('a pipeline has a node');
    await arrived(() => hops.every((node) => mine(node, 'pipeline-opened').length > 0));
    const inputIds = mine(first, 'pipeline-opened')[0]?.['input_ids'] as number[];
    const positions = inputIds.length + request.max_new_tokens;
    for (const node of hops) node.send({ type: 'pipeline-begin', request_id: requestId, positions });
    let step = 0;
    let ids = inputIds;
    let position = 0;
    const tokens: WireObject[] = [];
    let text = '';
    for (;;) {
      const framesBefore = hops.map((node) => node.frames.length);
      const tokensBefore = mine(last, 'pipeline-token').length;
      step += 1;
      first.send({
        type: 'pipeline-step',
        request_id: requestId,
        step,
        purpose: 'sample',
        position,
        input_ids: ids,
      });
      for (const [hop, node] of hops.slice(0, -1).entries()) {
        await arrived(() => node.frames.length > (framesBefore[hop] ?? 0));
        const frame = node.frames.at(-1);
        if (frame !== undefined) hops[hop + 1]?.socket.send(frame);
      }
      await arrived(() => mine(last, 'pipeline-token').length > tokensBefore);
      const token = mine(last, 'pipeline-token').at(-1) ?? {};
      const [sampled = {}] = token['tokens'] as WireObject[];
      tokens.push(sampled);
      text += String(sampled['text']);
      position = Number(token['position']);
      ids = [Number(sampled['id'])];
      const finishReason = token['finish_reason'];
      if (finishReason !== undefined) {
        for (const node of hops) node.send({ type: 'pipeline-close', request_id: requestId, reason: finishReason });
        return { text, tokenIds: tokens.map((sampled) => Number(sampled['id'])), tokens, inputIds, finishReason };
      }
    }
  }
}
