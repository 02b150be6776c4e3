import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { SEAL_BYTES } from '../../keys/sealed-frames';
import { success, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { DirectPeer } from '../../protocol/wire/pipeline-messages';
import type { DirectLinkPreferences } from '../contributor-options';
import { readRecord, readText } from '../coordinator-client/reading';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import { announcedAddress } from '../activation-server/announced-address';
import type { OutgoingLink } from '../jobs/pipeline-job';
import type { JobLinks } from '../jobs/pipeline-jobs';
import type { NodeLogger } from '../logger';
import { DialedLink, linkAddress, NO_LINK, type LinkTraffic } from './dial-link';
import { DIRECT_LIMITS, DIRECT_PATH, DIRECT_SUBPROTOCOL, isProof, opener } from './link-protocol';

/** A WebSocket close code for who does not hold the secret. */
const NOT_ADMITTED = 4_401;

interface Admission {
  readonly secret: string;
  socket: WebSocket | null;
}

/** Where other nodes deliver activations, and the links this node makes to others. */
export class DirectDoor implements JobLinks {
  private server: WebSocketServer | null = null;
  private current: { readonly key: string; readonly host: string; readonly port: number } | null = null;
  private readonly admissions = new Map<string, Admission>();
  /** Proofs that came before their request was announced. */
  private readonly waiting = new Map<string, (() => void)[]>();

  /**
   * @param onFrame - takes a frame of one request
   * @param onLinkLost - the link of a request to its next hop failed
   * @param traffic - counts what goes over these links, and holds it back to the person's limits
   */
  constructor(
    private readonly onFrame: (requestId: string, bytes: Uint8Array) => void,
    private readonly onLinkLost: (requestId: string) => void,
    private readonly logger: NodeLogger,
    private readonly traffic: LinkTraffic,
  ) {}

  /** Listens where the preferences say; does nothing when it does already. */
  async open(preferences: DirectLinkPreferences): Promise<Result<{ host: string; port: number }, NodeErrorCode>> {
    const key = JSON.stringify(preferences);
    if (this.current?.key === key) return success(this.current);
    await this.close();
    const { host, port } = preferences;
    const server = new WebSocketServer({
      host,
      port,
      path: DIRECT_PATH,
      maxPayload: WIRE_LIMITS.maxFrameBytes + SEAL_BYTES,
      perMessageDeflate: false,
      handleProtocols: (protocols) => (protocols.has(DIRECT_SUBPROTOCOL) ? DIRECT_SUBPROTOCOL : false),
    });
    server.on('connection', (socket) => this.greet(socket));
    try {
      await once(server, 'listening');
    } catch (thrown) {
      server.close();
      return nodeFailure(
        'listen-failed',
        `Other nodes cannot be listened for on ${host}:${port}: ${reasonOf(thrown)}.`,
        {
          suggestion: 'Choose another port or address.',
        },
      );
    }
    server.on('error', (error) => this.logger.warn('Listening for other nodes failed', { reason: error.message }));
    const bound = (server.address() as AddressInfo).port;
    this.server = server;
    this.current = { key, host: preferences.announcedHost ?? announcedAddress(host), port: bound };
    this.logger.info('Other nodes may deliver activations here', { host, port: bound });
    return success(this.current);
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    this.current = null;
    if (server === null) return;
    for (const client of server.clients) client.terminate();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }

  dial(requestId: string, peer: DirectPeer): OutgoingLink {
    const address = linkAddress(peer);
    if (address === null) return NO_LINK;
    return new DialedLink(requestId, address, peer.secret, () => this.onLinkLost(requestId), this.traffic);
  }

  admit(requestId: string, secret: string): void {
    this.admissions.set(requestId, { secret, socket: null });
    for (const tell of this.waiting.get(requestId) ?? []) tell();
    this.waiting.delete(requestId);
  }

  revoke(requestId: string): void {
    this.admissions.get(requestId)?.socket?.close(1_000);
    this.admissions.delete(requestId);
  }

  private greet(socket: WebSocket): void {
    socket.on('error', () => undefined);
    if (socket.protocol !== DIRECT_SUBPROTOCOL || (this.server?.clients.size ?? 0) > DIRECT_LIMITS.maxConnections) {
      socket.close(1_013);
      return;
    }
    const nonce = randomBytes(24).toString('base64');
    const timer = setTimeout(() => socket.terminate(), DIRECT_LIMITS.greetingMs);
    socket.once('close', () => clearTimeout(timer));
    socket.once('message', (data: RawData, isBinary) => {
      clearTimeout(timer);
      const message = isBinary ? null : parse(data);
      const requestId = readText(message?.['request_id'], 100);
      const proof = readText(message?.['proof'], 200);
      if (message?.['type'] !== 'link' || requestId === null || proof === null) socket.close(NOT_ADMITTED);
      else void this.letIn(socket, requestId, proof, nonce);
    });
    socket.send(JSON.stringify({ type: 'hello', nonce }));
  }

  private async letIn(socket: WebSocket, requestId: string, proof: string, nonce: string): Promise<void> {
    const admission = this.admissions.get(requestId) ?? (await this.admissionOf(requestId));
    if (admission === undefined || !isProof(proof, admission.secret, requestId, nonce)) {
      socket.close(NOT_ADMITTED);
      return;
    }
    admission.socket?.terminate();
    admission.socket = socket;
    const open = opener(admission.secret, nonce);
    socket.on('message', (data: RawData, isBinary) => {
      const waitMs = this.traffic.received((data as Buffer).byteLength);
      if (waitMs > 0) {
        socket.pause();
        setTimeout(() => socket.resume(), waitMs).unref();
      }
      const frame = isBinary ? open(data as Buffer) : null;
      if (frame !== null) this.onFrame(requestId, frame);
      else socket.close(NOT_ADMITTED);
    });
    socket.send(JSON.stringify({ type: 'linked' }));
  }

  /** Waits a moment for the coordinator's word about a request. */
  private admissionOf(requestId: string): Promise<Admission | undefined> {
    return new Promise((resolve) => {
      const tell = (): void => {
        clearTimeout(timer);
        resolve(this.admissions.get(requestId));
      };
      const timer = setTimeout(() => {
        const others = (this.waiting.get(requestId) ?? []).filter((one) => one !== tell);
        if (others.length > 0) this.waiting.set(requestId, others);
        else this.waiting.delete(requestId);
        tell();
      }, DIRECT_LIMITS.admissionMs);
      this.waiting.set(requestId, [...(this.waiting.get(requestId) ?? []), tell]);
    });
  }
}

function parse(data: RawData): Record<string, unknown> | null {
  const bytes = data as Buffer;
  if (bytes.byteLength > DIRECT_LIMITS.maxGreetingBytes) return null;
  try {
    return readRecord(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}
