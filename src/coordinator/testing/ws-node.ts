import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { WebSocket, type RawData } from 'ws';

type Json = Record<string, unknown>;

/** Key pair of a test node; the public key as raw bytes in base64. */
export interface TestKey {
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

export function newTestKey(): TestKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const jwk = createPublicKey(createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))).export({
    format: 'jwk',
  });
  return { publicKey: Buffer.from(String(jwk.x), 'base64url').toString('base64'), privateKey };
}

/** A node at the other end of a raw WebSocket, written from the message table; it shares no code with the coordinator. */
export class WsNode {
  readonly messages: Json[] = [];
  readonly frames: Buffer[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  nodeId = '';
  connectionId = '';
  private nextCall = 1;
  private readonly waiters: {
    readonly matches: (message: Json) => boolean;
    readonly resolve: (message: Json) => void;
  }[] = [];
  private onMessage: (message: Json) => void = () => undefined;
  private onFrame: (bytes: Buffer) => void = () => undefined;

  private constructor(
    readonly socket: WebSocket,
    readonly key: TestKey,
  ) {
    socket.on('message', (data: RawData, isBinary: boolean) => {
      const bytes = data as Buffer;
      if (isBinary) {
        this.frames.push(bytes);
        this.onFrame(bytes);
        return;
      }
      const message = JSON.parse(bytes.toString('utf8')) as Json;
      this.messages.push(message);
      const index = this.waiters.findIndex((waiter) => waiter.matches(message));
      if (index >= 0) this.waiters.splice(index, 1)[0]?.resolve(message);
      this.onMessage(message);
    });
    socket.on('error', () => undefined);
    socket.on('close', (code: number, reason: Buffer) => {
      this.closed = { code, reason: reason.toString('utf8') };
    });
  }

  /** Opens the socket without proving a key. */
  static async dial(
    url: string,
    key: TestKey = newTestKey(),
    options: { readonly subprotocol?: string; readonly headers?: Record<string, string> } = {},
  ): Promise<WsNode> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, [options.subprotocol ?? 'tore.v1'], {
      headers: options.headers ?? {},
    });
    const node = new WsNode(socket, key);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return node;
  }

  /** Opens the socket and proves the key. */
  static async connect(
    url: string,
    key: TestKey = newTestKey(),
    options: { readonly resume?: Json; readonly headers?: Record<string, string>; readonly purpose?: string } = {},
  ): Promise<WsNode> {
    const node = await WsNode.dial(url, key, options.headers === undefined ? {} : { headers: options.headers });
    const hello = await node.next('hello');
    node.send({
      type: 'authenticate',
      public_key: key.publicKey,
      signature: node.proof(String(hello['nonce']), String(hello['coordinator_id'])),
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      ...(options.purpose === undefined ? {} : { purpose: options.purpose }),
    });
    const answer = await node.next('authenticated');
    node.connectionId = String(answer['connection_id']);
    node.nodeId = String((answer['node'] as Json | null)?.['id'] ?? '');
    return node;
  }

  proof(nonce: string, coordinatorId: string): string {
    return sign(null, Buffer.from(`tore.v1 connect\n${coordinatorId}\n${nonce}`), this.key.privateKey).toString(
      'base64',
    );
  }

  send(message: Json): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message of a type, arrived or still to come. Each is taken once. */
  async next(type: string, matches: (message: Json) => boolean = () => true): Promise<Json> {
    const fits = (message: Json): boolean => message['type'] === type && matches(message);
    const index = this.messages.findIndex(fits);
    if (index >= 0) return this.messages.splice(index, 1)[0] as Json;
    const message = await new Promise<Json>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${type} came; closed: ${JSON.stringify(this.closed)}`)),
        20_000,
      );
      this.waiters.push({
        matches: fits,
        resolve: (arrived) => {
          clearTimeout(timer);
          resolve(arrived);
        },
      });
    });
    this.messages.splice(this.messages.indexOf(message), 1);
    return message;
  }

  /** Makes a call and waits for its reply. */
  async call(message: Json): Promise<Json> {
    const callId = this.begin(message);
    return this.next('reply', (reply) => reply['call_id'] === callId);
  }

  /** Makes a call and waits for its reply; null when the connection ends first. */
  async callOrLoss(message: Json): Promise<Json | null> {
    const callId = this.begin(message);
    return Promise.race([
      this.next('reply', (reply) => reply['call_id'] === callId).catch(() => null),
      this.untilClosed().then(() => null),
    ]);
  }

  /** Makes a call without waiting. */
  begin(message: Json): number {
    const callId = this.nextCall;
    this.nextCall += 1;
    this.send({ ...message, call_id: callId });
    return callId;
  }

  async register(scores: Json = {}): Promise<string> {
    const reply = await this.call({
      type: 'register-node',
      registration: {
        public_key: this.key.publicKey,
        hardware_profile: {
          cpu_model: 'Test CPU',
          cpu_cores: 4,
          ram_gb: 16,
          matmul_score: 0.4,
          memory_score: 0.4,
          latency_score: 0.4,
          fingerprint: this.key.publicKey,
          ...scores,
        },
      },
    });
    this.nodeId = String((reply['value'] as Json)['id']);
    return this.nodeId;
  }

  registerShard(start: number, end: number, more: Json = {}): Promise<Json> {
    return this.call({
      type: 'register-shard',
      shard: {
        node_id: this.nodeId,
        model_id: 'org/test-model',
        layer_start: start,
        layer_end: end,
        transports: [{ transport: 'ws-relay', version: '1', priority: 1 }],
      },
      ...more,
    });
  }

  /** Gives every message and frame to a behaviour as well. */
  behave(onMessage: (message: Json) => void, onFrame: (bytes: Buffer) => void = () => undefined): void {
    this.onMessage = onMessage;
    this.onFrame = onFrame;
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.closed === null) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.closed;
  }

  drop(): void {
    this.socket.terminate();
  }
}

const HIDDEN_SIZE = 8;

/** An activation frame put together by hand: header of 40 bytes, then little-endian floats. */
export function handmadeFrame(fields: {
  readonly requestId: string;
  readonly hop: number;
  readonly position: number;
  readonly positions: number;
  readonly step?: number;
  readonly purpose?: number;
  readonly hiddenSize?: number;
  readonly fill?: number;
}): Buffer {
  const hiddenSize = fields.hiddenSize ?? HIDDEN_SIZE;
  const bytes = Buffer.alloc(40 + fields.positions * hiddenSize * 4);
  bytes.write('TORE', 0, 'latin1');
  bytes.writeUInt8(1, 4);
  bytes.writeUInt8(0, 5);
  bytes.writeUInt16LE(fields.purpose ?? 0, 6);
  Buffer.from(fields.requestId.replaceAll('-', ''), 'hex').copy(bytes, 8);
  bytes.writeUInt16LE(fields.hop, 24);
  bytes.writeUInt16LE(fields.step ?? 0, 26);
  bytes.writeUInt32LE(fields.position, 28);
  bytes.writeUInt32LE(fields.positions, 32);
  bytes.writeUInt32LE(hiddenSize, 36);
  for (let offset = 40; offset < bytes.length; offset += 4) bytes.writeFloatLE(fields.fill ?? 0.5, offset);
  return bytes;
}

const PURPOSES = ['sample', 'fill', 'verify', 'replay'];

/** Makes a node serve the first layers: bytes of the prompt are its tokens. */
export function serveFirst(
  node: WsNode,
  options: { readonly frame?: (fields: Parameters<typeof handmadeFrame>[0]) => Buffer | null } = {},
): void {
  const build = options.frame ?? handmadeFrame;
  node.behave((message) => {
    const requestId = String(message['request_id']);
    if (message['type'] === 'pipeline-open') {
      const ids = message['takes_over'] === true ? undefined : [...Buffer.from(String(message['prompt'] ?? 'chat'))];
      node.send({ type: 'pipeline-opened', request_id: requestId, hop: message['hop'], input_ids: ids });
    } else if (message['type'] === 'pipeline-step') {
      const ids = message['input_ids'] as number[];
      if (message['purpose'] === 'replay') {
        node.send({ type: 'pipeline-progress', request_id: requestId, hop: 0, step: message['step'], state: 'done' });
        return;
      }
      const frame = build({
        requestId,
        hop: 1,
        step: Number(message['step']),
        purpose: PURPOSES.indexOf(String(message['purpose'])),
        position: Number(message['position']),
        positions: ids.length,
        fill: ids[0] ?? 0,
      });
      if (frame !== null) node.socket.send(frame);
    }
  });
}

/**
 * Makes a node serve the last layers: it answers the letters A, B, C … and stops after `stopAfter`. Where it takes over,
 * it goes on with the letter behind the answer so far.
 */
export function serveLast(
  node: WsNode,
  options: {
    readonly stopAfter?: number;
    readonly beforeToken?: (index: number) => boolean | Promise<boolean>;
    /** What the token of that index says instead of its letter. */
    readonly text?: (index: number) => string;
    /** What it says of the log-probabilities of that token; undefined: nothing. */
    readonly logprobs?: (index: number, tokenId: number) => unknown;
  } = {},
): void {
  const counts = new Map<string, number>();
  node.behave(
    (message) => {
      const requestId = String(message['request_id']);
      if (message['type'] === 'pipeline-begin') {
        const answered = message['answered'] as { token_ids: number[] } | undefined;
        counts.set(requestId, answered?.token_ids.length ?? 0);
      }
      if (message['type'] !== 'pipeline-open') return;
      node.send({ type: 'pipeline-opened', request_id: message['request_id'], hop: message['hop'] });
    },
    (bytes) => {
      const hex = bytes.subarray(8, 24).toString('hex');
      const requestId = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
        '-',
      );
      const step = bytes.readUInt16LE(26);
      const purpose = PURPOSES[bytes.readUInt16LE(6)];
      if (purpose === 'fill' || purpose === 'replay') {
        node.send({
          type: 'pipeline-progress',
          request_id: requestId,
          hop: bytes.readUInt16LE(24),
          step,
          state: 'done',
        });
        return;
      }
      const guesses = purpose === 'verify' ? bytes.readUInt32LE(32) - 1 : 0;
      const index = counts.get(requestId) ?? 0;
      counts.set(requestId, index + 1);
      void (async () => {
        if ((await options.beforeToken?.(index)) === false) return;
        node.send({
          type: 'pipeline-token',
          request_id: requestId,
          step,
          position: bytes.readUInt32LE(28) + bytes.readUInt32LE(32) - guesses,
          tokens: [
            {
              id: 65 + index,
              text: options.text?.(index) ?? String.fromCharCode(65 + index),
              logprobs: options.logprobs?.(index, 65 + index),
            },
          ],
          ...(options.stopAfter === index + 1 ? { finish_reason: 'stop' } : {}),
        });
      })();
    },
  );
}
