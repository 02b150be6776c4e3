import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Value } from 'typebox/value';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { ephemeralKey } from '../../keys/link-keys';
import { success, type Result } from '../../protocol/result';
import type { Clock } from '../clock';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import { verifySignature, type NodeIdentity } from '../identity/node-identity';
import type { NodeLogger } from '../logger';
import type { PairedController, PairedFile } from './paired-file';
import {
  codeKey,
  GreetMessage,
  IdentityMessage,
  isProof,
  makePairingCode,
  normalizeCode,
  proofOf,
  REMOTE_LIMITS,
  REMOTE_PATH,
  REMOTE_SUBPROTOCOL,
  RemoteRequest,
  signedText,
  transcriptOf,
  type HelloMessage,
  type RemoteAnswer,
  type RemoteStatus,
} from './remote-protocol';
import { readJson, sealLine, type SealedLine } from './sealed-line';

/** Closed because of what the other side sent. */
const REFUSED = 4_003;
const TOO_MANY = 1_013;
/** Addresses whose failures are remembered. */
const MAX_ADDRESSES = 1_000;

/** What a controller can have the node do. */
export interface RemoteActions {
  status(): RemoteStatus;
  /** @param minutes - null pauses until resumed */
  pause(minutes: number | null): void;
  resume(): void;
  /** The newest lines of the log, oldest first. */
  logTail(lines: number): readonly string[];
}

export interface RemoteHostOptions {
  readonly identity: NodeIdentity;
  readonly name: string;
  readonly paired: PairedFile;
  readonly actions: RemoteActions;
  /** A new code, to be shown in the terminal and nowhere else. */
  readonly onCode: (code: string) => void;
  readonly clock: Clock;
  readonly logger: NodeLogger;
}

interface PairingCode {
  readonly key: Uint8Array;
  readonly endsAtMs: number;
  wrong: number;
}

/** Lets paired apps see and steer this node. Off unless asked for; listens where it is told to and nowhere else. */
export class RemoteHost {
  private server: WebSocketServer | null = null;
  private code: PairingCode | null = null;
  private readonly failures = new Map<string, readonly number[]>();
  private readonly open = new Map<WebSocket, string>();

  constructor(private readonly options: RemoteHostOptions) {}

  /** Listens. A node nobody is paired with shows a code at once. */
  async listen(host: string, port: number): Promise<Result<{ readonly port: number }, NodeErrorCode>> {
    const server = new WebSocketServer({
      host,
      port,
      path: REMOTE_PATH,
      maxPayload: REMOTE_LIMITS.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(REMOTE_SUBPROTOCOL) ? REMOTE_SUBPROTOCOL : false),
    });
    server.on('connection', (socket, request) => this.greet(socket, request));
    try {
      await once(server, 'listening');
    } catch (thrown) {
      return nodeFailure('listen-failed', `Remote control cannot listen on ${host}:${port}: ${reasonOf(thrown)}.`, {
        suggestion: 'Choose another address or port.',
      });
    }
    this.server = server;
    if (this.options.paired.all.length === 0) this.offerPairing();
    return success({ port: (server.address() as AddressInfo).port });
  }

  /** Shows a code that one app can pair with within ten minutes; an earlier one is void. */
  offerPairing(): void {
    const shown = makePairingCode();
    const key = codeKey(normalizeCode(shown) ?? '');
    this.code = { key, endsAtMs: this.options.clock.monotonicMs() + REMOTE_LIMITS.codeLifetimeMs, wrong: 0 };
    this.options.onCode(shown);
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    for (const client of server.clients) client.terminate();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  private greet(socket: WebSocket, request: IncomingMessage): void {
    socket.on('error', () => undefined);
    const address = request.socket.remoteAddress ?? '';
    if (
      socket.protocol !== REMOTE_SUBPROTOCOL ||
      (this.server?.clients.size ?? 0) > REMOTE_LIMITS.maxConnections ||
      this.recentFailures(address).length >= REMOTE_LIMITS.failuresPerMinute
    ) {
      socket.close(TOO_MANY);
      return;
    }
    const timer = setTimeout(() => socket.terminate(), REMOTE_LIMITS.greetingMs);
    socket.once('close', () => clearTimeout(timer));
    const ephemeral = ephemeralKey();
    const { identity } = this.options;
    const hello: HelloMessage = {
      type: 'hello',
      nonce: randomBytes(24).toString('base64'),
      key: identity.publicKey,
      ephemeral: ephemeral.publicKey,
    };
    const refuse = (): void => {
      // Who comes from ever new addresses fills no memory; the code counts its own wrong proofs.
      if (this.failures.size >= MAX_ADDRESSES) this.failures.clear();
      this.failures.set(address, [...this.recentFailures(address), this.options.clock.monotonicMs()]);
      socket.close(REFUSED);
    };
    socket.once('message', (data: RawData, isBinary) => {
      const greeting = isBinary ? null : readJson(data as Buffer);
      if (!Value.Check(GreetMessage, greeting)) return refuse();
      const transcript = transcriptOf(hello, greeting);
      const line = sealLine(socket, { ephemeral, role: 'host' }, greeting.ephemeral, transcript);
      if (line === null) return refuse();
      socket.once('message', (sealed: RawData, isSealed) => {
        const said = isSealed ? line.open(sealed) : null;
        void this.admit(greeting, transcript, said).then((controller) => {
          if (controller === null) return refuse();
          clearTimeout(timer);
          line.send({
            signature: identity.sign(signedText(transcript, 'host')),
            name: this.options.name,
            proof: controller.proof,
          } satisfies IdentityMessage);
          this.serve(socket, line, controller.key);
        });
      });
    });
    socket.send(JSON.stringify(hello));
  }

  /** Who is on the line, if it is somebody who may be. Pairing notes them before they are answered. */
  private async admit(
    greeting: GreetMessage,
    transcript: string,
    said: unknown,
  ): Promise<{ readonly key: string; readonly proof: string | null } | null> {
    if (!Value.Check(IdentityMessage, said)) return null;
    const { key, intent } = greeting;
    if (!verifySignature(key, signedText(transcript, 'controller'), said.signature)) return null;
    if (intent === 'steer') return this.options.paired.find(key) === undefined ? null : { key, proof: null };
    const { code } = this;
    const { clock, paired, logger } = this.options;
    if (code === null || clock.monotonicMs() >= code.endsAtMs) return null;
    if (!isProof(said.proof, code.key, transcript, 'controller')) {
      code.wrong += 1;
      if (code.wrong >= REMOTE_LIMITS.wrongCodes) this.code = null;
      return null;
    }
    this.code = null;
    const controller: PairedController = { key, name: said.name, pairedAt: new Date(clock.now()).toISOString() };
    const added = await paired.add(controller);
    if (!added.ok) {
      logger.error('An app could not be paired', { reason: added.error.message });
      return null;
    }
    logger.info('An app was paired and may steer this node', { name: said.name });
    return { key, proof: proofOf(code.key, transcript, 'host') };
  }

  private serve(socket: WebSocket, line: SealedLine, key: string): void {
    this.open.set(socket, key);
    socket.once('close', () => this.open.delete(socket));
    let recent: readonly number[] = [];
    socket.on('message', (data: RawData, isBinary) => {
      const request = isBinary ? line.open(data) : null;
      if (!Value.Check(RemoteRequest, request)) {
        socket.close(REFUSED);
        return;
      }
      const nowMs = this.options.clock.monotonicMs();
      recent = [...recent.filter((at) => nowMs - at < 10_000), nowMs];
      if (recent.length > REMOTE_LIMITS.requestsPer10Seconds) {
        const { error } = nodeFailure('too-many-requests', 'This app asks too often.', { retryable: true });
        line.send({ id: request.id, error } satisfies RemoteAnswer);
        return;
      }
      void this.answer(request, key).then((answer) => {
        line.send(answer);
        if (request.call.kind === 'unpair') this.hangUp(key);
      });
    });
  }

  private async answer({ id, call }: RemoteRequest, key: string): Promise<RemoteAnswer> {
    const { actions, paired, logger } = this.options;
    const name = paired.find(key)?.name ?? '';
    switch (call.kind) {
      case 'status':
        return { id, value: actions.status() };
      case 'log':
        return { id, value: actions.logTail(call.lines) };
      case 'pause':
        logger.info('Paused by remote control', { by: name, minutes: call.minutes });
        actions.pause(call.minutes);
        return { id, value: actions.status() };
      case 'resume':
        logger.info('Resumed by remote control', { by: name });
        actions.resume();
        return { id, value: actions.status() };
      case 'unpair': {
        logger.info('An app gave up remote control', { by: name });
        const removed = await paired.remove(key);
        return removed.ok ? { id, value: null } : { id, error: removed.error };
      }
    }
  }

  private hangUp(key: string): void {
    for (const [socket, owner] of this.open) if (owner === key) socket.close(1_000);
  }

  private recentFailures(address: string): readonly number[] {
    const nowMs = this.options.clock.monotonicMs();
    const recent = (this.failures.get(address) ?? []).filter((at) => nowMs - at < 60_000);
    if (recent.length === 0) this.failures.delete(address);
    return recent;
  }
}
