import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { WebSocket, type RawData } from 'ws';
import { nodeEd25519 } from '../../keys/ed25519';
import { ephemeralKey, linkKey } from '../../keys/link-keys';
import { frameOpener, frameSealer, SEAL_BYTES } from '../../keys/sealed-frames';
import { parseShallowJson } from '../../protocol/documents/shallow-json';
import {
  FederationHello,
  FederationProof,
  FederationRefused,
  FederationWelcome,
  greetingTranscript,
  linkProofText,
  type Introduction,
  type LinkRole,
} from '../../protocol/federation/greeting';
import { FEDERATION_LIMITS, FEDERATION_PATH, FEDERATION_SUBPROTOCOL } from '../../protocol/federation/limits';
import type { Signer } from '../../protocol/signing/ed25519';
import type { Random } from '../clock';
import type { LinkKeys } from './sealed-link';

const NONCE_BYTES = 32;

/** Whom a greeting is with, and the agreement it is about. */
export interface GreetedPeer {
  readonly publicKey: string;
  readonly agreementId: string;
  readonly agreementHash: string;
}

/** The agreement a coordinator that connects names. */
export type NamedAgreement = Pick<Introduction, 'agreement_id' | 'agreement_hash'>;

/** Why a greeting led to no link. */
export interface GreetingFailure {
  /** The key that was claimed, when one was. */
  readonly claimedKey: string | null;
  readonly code:
    | 'greeting-invalid'
    | 'greeting-timeout'
    | 'peer-unknown'
    | 'peer-barred'
    | 'agreement-differs'
    | 'signature-wrong'
    | 'agreement-differs-there'
    | 'refused-there'
    | 'unreachable';
  readonly message: string;
}

export interface GreetingEvents {
  /** Called while the last message of the greeting is handled, so that nothing behind it is missed. */
  linked(greeted: GreetedPeer, keys: LinkKeys): void;
  failed(failure: GreetingFailure): void;
}

/** What a listener does with a key that introduces itself. */
export type Admission =
  | { readonly kind: 'welcome'; readonly peer: GreetedPeer }
  | { readonly kind: 'refuse'; readonly code: 'peer-unknown' | 'peer-barred'; readonly message: string };

const [helloChecker, welcomeChecker, proofChecker, refusedChecker] = [
  Compile(FederationHello),
  Compile(FederationWelcome),
  Compile(FederationProof),
  Compile(FederationRefused),
];

function parse(data: RawData, isBinary: boolean): unknown {
  const bytes = data as Buffer;
  if (isBinary || bytes.byteLength > FEDERATION_LIMITS.maxGreetingBytes) return null;
  try {
    return parseShallowJson(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

/** One greeting on one socket, from its first message to a link or a failure. */
class Greeting {
  private isOver = false;
  private readonly timer: NodeJS.Timeout;
  private handler: (message: unknown) => void = () => undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly events: GreetingEvents,
  ) {
    this.timer = setTimeout(
      () => this.fail({ claimedKey: null, code: 'greeting-timeout', message: 'the keys were not proved in time' }),
      FEDERATION_LIMITS.greetingMs,
    );
    this.timer.unref();
    socket.on('message', this.onMessage);
    socket.on('close', this.onClose);
    // The close that follows says everything; without a listener an error event would end the process.
    socket.on('error', (error) => {
      this.fail({ claimedKey: null, code: 'unreachable', message: error.message });
    });
  }

  expect(handler: (message: unknown) => void): void {
    this.handler = handler;
  }

  send(message: Static<TSchema>): void {
    this.socket.send(JSON.stringify(message));
  }

  link(greeted: GreetedPeer, keys: LinkKeys): void {
    if (!this.finish()) return;
    this.events.linked(greeted, keys);
  }

  /** @param tell - said to the other side before the socket is closed */
  fail(failure: GreetingFailure, tell: { code: string; message: string } | null = null): void {
    if (!this.finish()) return;
    if (this.socket.readyState === WebSocket.OPEN) {
      if (tell !== null) this.send({ type: 'refused', ...tell });
      this.socket.close(4_403, failure.code);
      setTimeout(() => this.socket.terminate(), 2_000).unref();
    } else this.socket.terminate();
    this.events.failed(failure);
  }

  private finish(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.off('message', this.onMessage);
    this.socket.off('close', this.onClose);
    return true;
  }

  private readonly onMessage = (data: RawData, isBinary: boolean): void => {
    const message = parse(data, isBinary);
    if (refusedChecker.Check(message)) {
      const code = message.code === 'agreement-differs' ? 'agreement-differs-there' : 'refused-there';
      this.fail({ claimedKey: null, code, message: `${message.code}: ${message.message}` });
    } else this.handler(message);
  };

  private readonly onClose = (): void => {
    this.fail({ claimedKey: null, code: 'unreachable', message: 'the connection was closed during the greeting' });
  };
}

function introduction(publicKey: string, nonce: string, ephemeral: string, peer: GreetedPeer): Introduction {
  return {
    public_key: publicKey,
    nonce,
    ephemeral_key: ephemeral,
    agreement_id: peer.agreementId,
    agreement_hash: peer.agreementHash,
  };
}

function holdsSame(theirs: Introduction, peer: GreetedPeer): boolean {
  return theirs.agreement_id === peer.agreementId && theirs.agreement_hash === peer.agreementHash;
}

function keysOf(shared: Uint8Array, transcript: string, own: LinkRole): LinkKeys {
  const other = own === 'dialer' ? 'listener' : 'dialer';
  return { seal: frameSealer(linkKey(shared, transcript, own)), open: frameOpener(linkKey(shared, transcript, other)) };
}

function newNonce(random: Random): string {
  return Buffer.from(random.bytes(NONCE_BYTES)).toString('base64');
}

const INVALID = { code: 'greeting-invalid', message: 'this is not the greeting of tore.v1.federation' } as const;
const NO_SIGNATURE = { code: 'signature-wrong', message: 'the key was not proved' } as const;

/** Connects to a peer and proves both keys. */
export function dialPeer(url: string, peer: GreetedPeer, signer: Signer, random: Random, events: SocketEvents): void {
  const socket = new WebSocket(`${url}${FEDERATION_PATH}`, [FEDERATION_SUBPROTOCOL], {
    handshakeTimeout: FEDERATION_LIMITS.greetingMs,
    maxPayload: FEDERATION_LIMITS.maxFrameBytes + SEAL_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
  });
  const greeting = new Greeting(socket, {
    linked: (greeted, keys) => events.linked(socket, greeted, keys),
    failed: events.failed,
  });
  const ephemeral = ephemeralKey();
  const own = introduction(signer.publicKey, newNonce(random), ephemeral.publicKey, peer);
  greeting.expect((message) => {
    if (!welcomeChecker.Check(message)) {
      greeting.fail({ claimedKey: null, ...INVALID }, INVALID);
      return;
    }
    const claimedKey = message.public_key;
    const transcript = greetingTranscript(own, message);
    const shared = ephemeral.agree(message.ephemeral_key);
    const isProved =
      claimedKey === peer.publicKey &&
      shared !== null &&
      nodeEd25519.verify(claimedKey, linkProofText(transcript, 'listener'), message.signature);
    if (!isProved) {
      greeting.fail({ claimedKey, ...NO_SIGNATURE }, NO_SIGNATURE);
      return;
    }
    if (!holdsSame(message, peer)) {
      const differs = { code: 'agreement-differs', message: 'the other side holds another agreement' } as const;
      greeting.fail({ claimedKey, ...differs }, differs);
      return;
    }
    greeting.send({ type: 'proof', signature: signer.sign(linkProofText(transcript, 'dialer')) });
    greeting.link(peer, keysOf(shared, transcript, 'dialer'));
  });
  socket.on('open', () => {
    if (socket.protocol === FEDERATION_SUBPROTOCOL) {
      greeting.send({ type: 'hello', protocol: 'tore.v1.federation', ...own });
    } else greeting.fail({ claimedKey: null, ...INVALID });
  });
}

/** What a greeting tells, with the socket the link goes on over. */
export interface SocketEvents {
  linked(socket: WebSocket, greeted: GreetedPeer, keys: LinkKeys): void;
  failed(failure: GreetingFailure): void;
}

/**
 * Answers a coordinator that connects. `admit` says whether its key is one of a peer that may come in now, and which
 * agreement this side holds against the one it names.
 */
export function greetPeer(
  socket: WebSocket,
  admit: (publicKey: string, named: NamedAgreement) => Admission,
  signer: Signer,
  random: Random,
  events: SocketEvents,
): void {
  const greeting = new Greeting(socket, {
    linked: (greeted, keys) => events.linked(socket, greeted, keys),
    failed: events.failed,
  });
  greeting.expect((hello) => {
    if (!helloChecker.Check(hello)) {
      greeting.fail({ claimedKey: null, ...INVALID }, INVALID);
      return;
    }
    const claimedKey = hello.public_key;
    const admission = admit(claimedKey, hello);
    if (admission.kind === 'refuse') {
      const { code, message } = admission;
      greeting.fail({ claimedKey, code, message }, { code, message });
      return;
    }
    const { peer } = admission;
    const ephemeral = ephemeralKey();
    const own = introduction(signer.publicKey, newNonce(random), ephemeral.publicKey, peer);
    const transcript = greetingTranscript(hello, own);
    const shared = ephemeral.agree(hello.ephemeral_key);
    if (shared === null || !holdsSame(hello, peer)) {
      const differs =
        shared === null
          ? INVALID
          : ({ code: 'agreement-differs', message: 'the other side holds another agreement' } as const);
      greeting.fail({ claimedKey, ...differs }, differs);
      return;
    }
    greeting.expect((proof) => {
      const isProved =
        proofChecker.Check(proof) &&
        nodeEd25519.verify(claimedKey, linkProofText(transcript, 'dialer'), proof.signature);
      if (isProved) greeting.link(peer, keysOf(shared, transcript, 'listener'));
      else greeting.fail({ claimedKey, ...NO_SIGNATURE }, NO_SIGNATURE);
    });
    greeting.send({ type: 'welcome', ...own, signature: signer.sign(linkProofText(transcript, 'listener')) });
  });
}
