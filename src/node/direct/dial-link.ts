import { WebSocket, type RawData } from 'ws';
import type { DirectPeer } from '../../protocol/wire/pipeline-messages';
import { readRecord, readText } from '../coordinator-client/reading';
import type { OutgoingLink } from '../jobs/pipeline-job';
import { DIRECT_LIMITS, DIRECT_PATH, DIRECT_SUBPROTOCOL, proofOf, sealer } from './link-protocol';

/** Counts bytes of a direction and says how long to wait for the next ones; the node's traffic meter. */
export interface LinkTraffic {
  sent(bytes: number): number;
  received(bytes: number): number;
}

/** Where a node listens for links; null where what it calls its host makes no such address. */
export function linkAddress({ host, port }: DirectPeer): string | null {
  const address = `ws://${host.includes(':') ? `[${host}]` : host}:${port}${DIRECT_PATH}`;
  if (!URL.canParse(address)) return null;
  const { pathname, username, hash } = new URL(address);
  return pathname === DIRECT_PATH && username === '' && hash === '' ? address : null;
}

/** In place of a link to a node that has no address. */
export const NO_LINK: OutgoingLink = {
  problem: 'the next node has no address',
  send: () => Promise.resolve(false),
  close: () => undefined,
};

/** A link to the next hop: connects at once, and sends what waits for it when it stands. */
export class DialedLink implements OutgoingLink {
  problem = 'it was closed';
  private readonly socket: WebSocket;
  private readonly ready: Promise<((frame: Uint8Array) => Buffer) | null>;
  private hasFailed = false;
  private isClosed = false;

  /** @param onLost - the link failed after it stood, with nobody sending at that moment perhaps */
  constructor(
    requestId: string,
    address: string,
    secret: string,
    private readonly onLost: () => void,
    private readonly traffic: LinkTraffic,
  ) {
    this.socket = new WebSocket(address, [DIRECT_SUBPROTOCOL], {
      handshakeTimeout: DIRECT_LIMITS.dialMs,
      maxPayload: DIRECT_LIMITS.maxGreetingBytes,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.ready = this.greet(requestId, secret);
  }

  async send(frame: Uint8Array): Promise<boolean> {
    const seal = await this.ready;
    if (seal === null || this.hasFailed || this.isClosed) return false;
    const sealed = seal(frame);
    const waitMs = this.traffic.sent(sealed.byteLength);
    if (waitMs > 0) await new Promise<void>((resolve) => void setTimeout(resolve, waitMs).unref());
    if (this.socket.bufferedAmount < DIRECT_LIMITS.highWaterBytes) {
      this.socket.send(sealed);
      return true;
    }
    return new Promise((resolve) =>
      this.socket.send(sealed, (error) => resolve(error === undefined || error === null)),
    );
  }

  close(): void {
    this.isClosed = true;
    this.socket.terminate();
  }

  private greet(requestId: string, secret: string): Promise<((frame: Uint8Array) => Buffer) | null> {
    return new Promise((resolve) => {
      let seal: ((frame: Uint8Array) => Buffer) | null = null;
      const fail = (problem: string): void => {
        clearTimeout(timer);
        if (this.hasFailed || this.isClosed) return resolve(null);
        this.hasFailed = true;
        this.problem = problem;
        resolve(null);
        this.socket.terminate();
        return this.onLost();
      };
      const timer = setTimeout(
        () => fail(`the next node did not answer within ${DIRECT_LIMITS.dialMs / 1_000} s`),
        DIRECT_LIMITS.dialMs,
      );
      this.socket.on('error', (error) => fail(error.message));
      this.socket.on('close', (code) => fail(`the next node closed it with code ${code}`));
      this.socket.on('message', (data: RawData, isBinary) => {
        const message = isBinary ? null : parse(data);
        const type = readText(message?.['type'], 20);
        const nonce = readText(message?.['nonce'], 200);
        if (type === 'hello' && nonce !== null && seal === null) {
          seal = sealer(secret, nonce);
          const proof = proofOf(secret, requestId, nonce);
          this.socket.send(JSON.stringify({ type: 'link', request_id: requestId, proof }));
        } else if (type === 'linked' && seal !== null) {
          clearTimeout(timer);
          resolve(seal);
        } else fail('the next node does not speak the protocol of links');
      });
    });
  }
}

function parse(data: RawData): Record<string, unknown> | null {
  try {
    return readRecord(JSON.parse((data as Buffer).toString('utf8')));
  } catch {
    return null;
  }
}
