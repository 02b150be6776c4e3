import { randomBytes } from 'node:crypto';
import { Value } from 'typebox/value';
import { WebSocket, type RawData } from 'ws';
import { ephemeralKey } from '../../keys/link-keys';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, type NodeErrorCode } from '../errors';
import { verifySignature, type NodeIdentity } from '../identity/node-identity';
import {
  codeKey,
  HelloMessage,
  IdentityMessage,
  isProof,
  normalizeCode,
  proofOf,
  REMOTE_LIMITS,
  REMOTE_PATH,
  REMOTE_SUBPROTOCOL,
  RemoteAnswer,
  signedText,
  transcriptOf,
  type GreetMessage,
  type RemoteRequest,
} from './remote-protocol';
import { readJson, sealLine, type SealedLine } from './sealed-line';

const CALL_TIMEOUT_MS = 15_000;
/** `name:port`, a v4 address or a bracketed v6 one. Nothing else reaches the socket. */
const ADDRESS = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/;

export interface ControllerOptions {
  readonly identity: NodeIdentity;
  /** Name of this app's computer, for the host's list. */
  readonly name: string;
}

/** How to be let in: with the code from the host's terminal, or as somebody it knows. */
export type ControllerIntent =
  | { readonly kind: 'pair'; readonly code: string }
  /** @param hostKey - the key pinned when pairing */
  | { readonly kind: 'steer'; readonly hostKey: string };

/** A conversation with one host. */
export interface RemoteLink {
  readonly hostKey: string;
  readonly hostName: string;
  call(call: RemoteRequest['call']): Promise<Result<unknown, string>>;
  close(): void;
  readonly closed: Promise<void>;
}

/** Whether a text is an address of a host, as `192.168.1.20:7450`. */
export function isHostAddress(address: string): boolean {
  const port = Number(ADDRESS.exec(address)?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
}

/**
 * Connects to a host.
 *
 * @returns `input-invalid` for an address or code of the wrong form; `connection-lost` where nobody answers;
 *   `proof-refused` where the host is not the one that was paired, or does not let this app in
 */
export async function connectToHost(
  address: string,
  intent: ControllerIntent,
  options: ControllerOptions,
): Promise<Result<RemoteLink, NodeErrorCode>> {
  if (!isHostAddress(address)) {
    return nodeFailure('input-invalid', 'This is no address of a computer.', {
      suggestion: 'Enter its name or IP address and the port, as 192.168.1.20:7450.',
    });
  }
  const code = intent.kind === 'pair' ? normalizeCode(intent.code) : null;
  if (intent.kind === 'pair' && code === null) {
    return nodeFailure('input-invalid', 'A pairing code has twelve letters and digits.', {
      suggestion: 'Type it as the other computer’s terminal shows it.',
    });
  }
  const socket = new WebSocket(`ws://${address}${REMOTE_PATH}`, REMOTE_SUBPROTOCOL, {
    handshakeTimeout: REMOTE_LIMITS.greetingMs,
    maxPayload: REMOTE_LIMITS.maxMessageBytes,
    perMessageDeflate: false,
    followRedirects: false,
  });
  return new Promise((resolve) => {
    let greeted = false;
    const fail = (failure: ReturnType<typeof nodeFailure>): void => {
      clearTimeout(timer);
      resolve(failure as Result<never, NodeErrorCode>);
      socket.terminate();
    };
    const timer = setTimeout(() => fail(unreachable(address)), REMOTE_LIMITS.greetingMs);
    socket.on('error', () => fail(unreachable(address)));
    socket.once('close', () => fail(greeted ? refused(intent) : unreachable(address)));
    socket.once('message', (data: RawData, isBinary) => {
      const hello = isBinary ? null : readJson(data as Buffer);
      if (!Value.Check(HelloMessage, hello)) return fail(unreachable(address));
      if (intent.kind === 'steer' && hello.key !== intent.hostKey) return fail(stranger(address));
      greeted = true;
      const greeting = greet(socket, hello, intent, code, options);
      if (greeting === null) return fail(unreachable(address));
      const { line, transcript, key } = greeting;
      socket.once('message', (sealed: RawData, isSealed) => {
        const said = isSealed ? line.open(sealed) : null;
        if (
          !Value.Check(IdentityMessage, said) ||
          !verifySignature(hello.key, signedText(transcript, 'host'), said.signature) ||
          (key !== null && !isProof(said.proof, key, transcript, 'host'))
        ) {
          return fail(stranger(address));
        }
        clearTimeout(timer);
        resolve(success(new Link(socket, line, hello.key, said.name)));
      });
    });
  });
}

/** Answers the host's hello, and says who this is once the line is sealed. */
function greet(
  socket: WebSocket,
  hello: HelloMessage,
  intent: ControllerIntent,
  code: string | null,
  { identity, name }: ControllerOptions,
): { readonly line: SealedLine; readonly transcript: string; readonly key: Uint8Array | null } | null {
  const ephemeral = ephemeralKey();
  const greeting: GreetMessage = {
    type: 'greet',
    nonce: randomBytes(24).toString('base64'),
    key: identity.publicKey,
    ephemeral: ephemeral.publicKey,
    intent: intent.kind,
  };
  const transcript = transcriptOf(hello, greeting);
  const line = sealLine(socket, { ephemeral, role: 'controller' }, hello.ephemeral, transcript);
  if (line === null) return null;
  const key = code === null ? null : codeKey(code);
  socket.send(JSON.stringify(greeting));
  line.send({
    signature: identity.sign(signedText(transcript, 'controller')),
    name,
    proof: key === null ? null : proofOf(key, transcript, 'controller'),
  } satisfies IdentityMessage);
  return { line, transcript, key };
}

class Link implements RemoteLink {
  readonly closed: Promise<void>;
  private nextId = 1;
  private readonly waiting = new Map<number, (answer: Result<unknown, string>) => void>();

  constructor(
    private readonly socket: WebSocket,
    private readonly line: SealedLine,
    readonly hostKey: string,
    readonly hostName: string,
  ) {
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.removeAllListeners('message');
    socket.on('message', (data: RawData, isBinary) => this.receive(isBinary ? line.open(data) : null));
    void this.closed.then(() => {
      for (const settle of this.waiting.values()) settle(lost());
      this.waiting.clear();
    });
  }

  call(call: RemoteRequest['call']): Promise<Result<unknown, string>> {
    if (this.socket.readyState !== this.socket.OPEN) return Promise.resolve(lost());
    const id = this.nextId++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(lost()), CALL_TIMEOUT_MS);
      const settle = (answer: Result<unknown, string>): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(answer);
      };
      this.waiting.set(id, settle);
      this.line.send({ id, call } satisfies RemoteRequest);
    });
  }

  close(): void {
    this.socket.close(1_000);
  }

  private receive(answer: unknown): void {
    if (!Value.Check(RemoteAnswer, answer)) {
      this.socket.terminate();
      return;
    }
    this.waiting.get(answer.id)?.(
      answer.error === undefined
        ? success(answer.value)
        : ({ ok: false, error: answer.error } as Result<never, string>),
    );
  }
}

function unreachable(address: string): ReturnType<typeof nodeFailure> {
  return nodeFailure('connection-lost', `Nobody answers at ${address}.`, {
    retryable: true,
    suggestion: 'Check that tore-node runs there with --remote-control, and that the network lets you through.',
  });
}

function lost(): Result<never, NodeErrorCode> {
  return nodeFailure('connection-lost', 'The connection to the other computer was lost.', { retryable: true });
}

function refused(intent: ControllerIntent): ReturnType<typeof nodeFailure> {
  return intent.kind === 'pair'
    ? nodeFailure('proof-refused', 'The other computer did not take this code.', {
        suggestion:
          'Check the code in its terminal. It is good for ten minutes and for one app; --pair shows a new one.',
      })
    : nodeFailure('proof-refused', 'The other computer does not know this app any more.', {
        suggestion: 'Remove it here and pair it again.',
      });
}

function stranger(address: string): ReturnType<typeof nodeFailure> {
  return nodeFailure('proof-refused', `What answers at ${address} is not the computer that was paired.`, {
    suggestion: 'Somebody may be in between, or its key is another one now. Pair again only if you know why.',
  });
}
