import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { WebSocket, type RawData } from 'ws';
import type { Signer } from '../../protocol/signing/ed25519';

type Json = Record<string, unknown>;

function x25519(publicKey: string): KeyObject {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

/** What a greeting is made of; a test changes what it likes. */
export interface Greeting {
  readonly publicKey: string;
  readonly agreementId: string;
  readonly agreementHash: string;
  /** Signs the proof; the key's own signer for an honest one. */
  readonly sign: (text: string) => string;
}

/**
 * A coordinator of somebody else at the other end of a link, written from docs/federation.md with nothing but Node's own
 * cryptography. It says whatever a test wants, right or wrong.
 */
export class ForeignPeer {
  readonly messages: Json[] = [];
  /** Activation frames that came. */
  readonly frames: Buffer[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  /** Sent frames as they went out, for replays. */
  readonly sent: Buffer[] = [];
  private sequence = 0;
  private sealedCount = 0n;
  private openedCount = 0n;
  private keys: { readonly own: Uint8Array; readonly other: Uint8Array } | null = null;
  private onMessage: (message: Json) => void = () => undefined;
  private onFrame: (frame: Buffer) => void = () => undefined;
  private readonly wakers: (() => void)[] = [];

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: RawData, isBinary: boolean) => {
      const bytes = data as Buffer;
      const content = isBinary ? this.open(bytes) : bytes;
      if (content.subarray(0, 4).toString('latin1') === 'TORE') {
        this.frames.push(content);
        this.onFrame(content);
        this.wake();
        return;
      }
      const message = JSON.parse(content.toString('utf8')) as Json;
      this.messages.push(message);
      this.onMessage(message);
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', (code: number, reason: Buffer) => {
      this.closed = { code, reason: reason.toString('utf8') };
      this.wake();
    });
  }

  static async dial(url: string): Promise<ForeignPeer> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/federation`, ['tore.v1.federation']);
    const peer = new ForeignPeer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return peer;
  }

  /** Connects and greets; false when the coordinator refused, which `messages` and `closed` then tell. */
  static async link(url: string, greeting: Greeting): Promise<{ peer: ForeignPeer; stands: boolean }> {
    const peer = await ForeignPeer.dial(url);
    return { peer, stands: await peer.greet(greeting) };
  }

  private async greet(greeting: Greeting): Promise<boolean> {
    const ephemeral = generateKeyPairSync('x25519');
    const ephemeralKey = Buffer.from(String(ephemeral.publicKey.export({ format: 'jwk' }).x), 'base64url');
    const nonce = randomBytes(32).toString('base64');
    this.plain({
      type: 'hello',
      protocol: 'tore.v1.federation',
      public_key: greeting.publicKey,
      nonce,
      ephemeral_key: ephemeralKey.toString('base64'),
      agreement_id: greeting.agreementId,
      agreement_hash: greeting.agreementHash,
    });
    const welcome = await this.next('welcome').catch(() => null);
    if (welcome === null) return false;
    const transcript = [
      'tore.v1 federation',
      greeting.publicKey,
      welcome['public_key'],
      nonce,
      welcome['nonce'],
      ephemeralKey.toString('base64'),
      welcome['ephemeral_key'],
      greeting.agreementId,
      greeting.agreementHash,
    ].join('\n');
    const shared = diffieHellman({
      privateKey: ephemeral.privateKey,
      publicKey: x25519(String(welcome['ephemeral_key'])),
    });
    const salt = createHash('sha256').update(transcript).digest();
    const key = (role: string): Uint8Array =>
      new Uint8Array(hkdfSync('sha256', shared, salt, `tore.v1 federation key of the ${role}`, 32));
    this.keys = { own: key('dialer'), other: key('listener') };
    this.plain({ type: 'proof', signature: greeting.sign(`${transcript}\ndialer`) });
    return (await this.next('ready').catch(() => null)) !== null;
  }

  /** Sends a message with the next number, or with the one given. */
  send(message: Json, sequence?: number): void {
    this.sequence += 1;
    this.sendText(JSON.stringify({ ...message, sequence: sequence ?? this.sequence }));
  }

  sendText(text: string): void {
    const sealed = this.seal(Buffer.from(text, 'utf8'));
    this.sent.push(sealed);
    this.socket.send(sealed);
  }

  sendFrame(frame: Uint8Array): void {
    this.socket.send(this.seal(Buffer.from(frame)));
  }

  plain(message: Json): void {
    this.socket.send(JSON.stringify(message));
  }

  behave(onMessage: (message: Json) => void, onFrame: (frame: Buffer) => void = () => undefined): void {
    this.onMessage = onMessage;
    this.onFrame = onFrame;
  }

  /** The first frame, arrived or still to come; each is taken once. */
  async nextFrame(): Promise<Buffer> {
    for (;;) {
      const frame = this.frames.shift();
      if (frame !== undefined) return frame;
      if (this.closed !== null) throw new Error(`no frame came; closed: ${JSON.stringify(this.closed)}`);
      await this.change();
    }
  }

  /** The first message of a type, arrived or still to come; each is taken once. Fails when the socket closes before it. */
  async next(type: string, fits: (message: Json) => boolean = () => true): Promise<Json> {
    for (;;) {
      const index = this.messages.findIndex((message) => message['type'] === type && fits(message));
      if (index >= 0) return this.messages.splice(index, 1)[0] as Json;
      if (this.closed !== null) throw new Error(`no ${type} came; closed: ${JSON.stringify(this.closed)}`);
      await this.change();
    }
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.closed === null) await this.change();
    return this.closed;
  }

  drop(): void {
    this.socket.terminate();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.wakers.push(resolve));
  }

  private wake(): void {
    for (const wake of this.wakers.splice(0)) wake();
  }

  private nonceOf(count: bigint): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(count, 4);
    return nonce;
  }

  private seal(text: Buffer): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.keys?.own ?? Buffer.alloc(32), this.nonceOf(this.sealedCount));
    this.sealedCount += 1n;
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  }

  private open(sealed: Buffer): Buffer {
    const nonce = this.nonceOf(this.openedCount);
    this.openedCount += 1n;
    const decipher = createDecipheriv('aes-256-gcm', this.keys?.other ?? Buffer.alloc(32), nonce);
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
  }
}

/** The greeting of a peer that is who it says. */
export function honestGreeting(signer: Signer, agreement: { readonly id: string; readonly hash: string }): Greeting {
  return {
    publicKey: signer.publicKey,
    agreementId: agreement.id,
    agreementHash: agreement.hash,
    sign: (text) => signer.sign(text),
  };
}
