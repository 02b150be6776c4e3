import { TrafficMeter } from './traffic-meter';
import { WebSocket, type RawData } from 'ws';
import { success, type Result } from '../../protocol/result';
import { WEBSOCKET_SUBPROTOCOL, WIRE_LIMITS } from '../../protocol/wire/limits';
import {
  connectionProofText,
  type CoordinatorMessage,
  type MessageOf,
  type NodeMessage,
} from '../../protocol/wire/messages';
import type { Clock } from '../clock';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeIdentity } from '../identity/node-identity';
import { requestSigner } from '../identity/request-signer';
import type { NodeLogger } from '../logger';
import type { CoordinatorConnection, CoordinatorEvent, CoordinatorInfo, ResumePoint } from './coordinator-client';
import { parseCoordinatorUrl } from './coordinator-url';
import { HttpConnection } from './http-connection';
import { CoordinatorHttp } from './http-requests';
import { askForSigning, probeCoordinator, unauthorizedFailure } from './probe';
import { parseCoordinatorMessage, WebSocketConnection } from './websocket-connection';

/** Time for the upgrade, and then for greeting and proof. */
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Close code of a coordinator that does not accept the proof of the key (a private one, RFC 6455 section 7.4.2). */
const PROOF_REFUSED_CLOSE_CODES: readonly number[] = [1008, 4401, 4403];

export interface ConnectOptions {
  readonly url: string;
  readonly accessToken: string | null;
  /** Lets the key in where members alone may connect. */
  readonly invitation?: string | null | undefined;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  /** Where the last connection to this coordinator stopped. */
  readonly resume: ResumePoint | null;
  /** The node id this coordinator gave us earlier, for the HTTP baseline. */
  readonly storedNodeId: string | null;
  readonly onEvent: (event: CoordinatorEvent) => void;
  /** Counts and limits what goes over the WebSocket. */
  readonly traffic?: TrafficMeter | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fetchFunction?: typeof fetch | undefined;
}

type Upgrade =
  | { readonly kind: 'open'; readonly socket: WebSocket; readonly greeting: Promise<RawData | null> }
  | { readonly kind: 'no-websocket'; readonly status: number }
  | { readonly kind: 'failed'; readonly failure: ReturnType<typeof nodeFailure> };

/** Refusals that come and go with load and time, and say nothing about what is offered (RFC 9110, RFC 6585, RFC 8470). */
const PASSING_STATUSES: readonly number[] = [408, 425, 429];

/**
 * What an answer in place of the upgrade means. A coordinator without `/ws` says that the address or the upgrade is unknown
 * to it. An overloaded one, or a proxy or a login page in between, does not say so: taken for it, a coordinator would be
 * used without its WebSocket for as long as the connection lasts.
 */
function refusedUpgrade(status: number, location: string | undefined): Upgrade {
  if (status === 401 || status === 403) return { kind: 'failed', failure: unauthorizedFailure(status, null) };
  const isRedirect = status >= 300 && status < 400;
  const passes = isRedirect || PASSING_STATUSES.includes(status) || (status >= 500 && status !== 501);
  if (!passes) return { kind: 'no-websocket', status };
  const message = isRedirect
    ? `The way to the coordinator's WebSocket is redirected to ${location ?? 'another address'} (status ${status}).`
    : `The coordinator's WebSocket is not available now (status ${status}).`;
  return { kind: 'failed', failure: nodeFailure('coordinator-fault', message, { retryable: true }) };
}

/** Asks for the upgrade. */
function upgrade(url: string, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<Upgrade> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, [WEBSOCKET_SUBPROTOCOL], {
      headers,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: WIRE_LIMITS.maxFrameBytes,
      // Activations do not compress, and the contexts would cost memory on every connection.
      perMessageDeflate: false,
      followRedirects: false,
    });
    const abort = (): void => socket.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    const finish = (outcome: Upgrade): void => {
      signal?.removeEventListener('abort', abort);
      resolve(outcome);
    };
    // Listening begins with the socket: the greeting may arrive in the same packet as the upgrade.
    const greeting = new Promise<RawData | null>((arrived) => {
      socket.once('message', (data, isBinary) => arrived(isBinary ? null : data));
      socket.once('close', () => arrived(null));
    });
    socket.once('open', () => finish({ kind: 'open', socket, greeting }));
    socket.once('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      socket.terminate();
      finish(refusedUpgrade(status, response.headers.location));
    });
    // Stays for the life of the socket: an unhandled error event would end the process.
    socket.on('error', (error) => {
      finish(
        signal?.aborted === true
          ? { kind: 'failed', failure: nodeFailure('cancelled', 'Connecting was cancelled.') }
          : {
              kind: 'failed',
              failure: nodeFailure('coordinator-unreachable', `The WebSocket could not be opened: ${error.message}.`, {
                retryable: true,
              }),
            },
      );
    });
  });
}

async function within<Value>(clock: Clock, timeoutMs: number, work: Promise<Value>): Promise<Value | 'timeout'> {
  let cancel = (): void => undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    cancel = clock.schedule(timeoutMs, () => resolve('timeout'));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    cancel();
  }
}

type Greeting<Name extends 'hello' | 'authenticated'> = Result<MessageOf<CoordinatorMessage, Name>, NodeErrorCode>;

async function expectMessage<Name extends 'hello' | 'authenticated'>(
  options: GreetingOptions,
  arrival: Promise<RawData | null>,
  socket: WebSocket,
  name: Name,
): Promise<Greeting<Name>> {
  let closeCode: number | null = null;
  let closeReason = '';
  socket.once('close', (code, reason) => {
    closeCode = code;
    closeReason = reason.toString('utf8').slice(0, 200);
  });
  const data = await within(options.clock, HANDSHAKE_TIMEOUT_MS, arrival);
  if (data === 'timeout') {
    return nodeFailure('coordinator-timeout', `The coordinator did not say “${name}” in time.`, { retryable: true });
  }
  if (data === null) {
    const refused = closeCode !== null && PROOF_REFUSED_CLOSE_CODES.includes(closeCode);
    const said = closeReason === '' ? '' : ` It says: ${closeReason}`;
    return refused
      ? nodeFailure('proof-refused', `The coordinator did not accept this node's key (code ${closeCode}).${said}`)
      : nodeFailure('connection-lost', `The coordinator closed the connection during the greeting.${said}`, {
          retryable: true,
        });
  }
  const message = parseCoordinatorMessage(data, options.logger);
  if (message?.type === name) return success(message as MessageOf<CoordinatorMessage, Name>);
  if (message?.type === 'reply' && !message.ok) {
    const { message: said, retryable, suggestion } = message.error;
    return nodeFailure('proof-refused', `The coordinator refused the connection: ${said}`, {
      retryable,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
  return nodeFailure('answer-invalid', `The coordinator said something other than “${name}” while connecting.`, {
    retryable: true,
  });
}

/** Makes the connection out of an open socket, in the moment the key was accepted. */
type BuildConnection<Connection> = (
  socket: WebSocket,
  info: CoordinatorInfo,
  hello: MessageOf<CoordinatorMessage, 'hello'>,
  authenticated: MessageOf<CoordinatorMessage, 'authenticated'>,
) => Connection;

type GreetingOptions = Pick<ConnectOptions, 'identity' | 'invitation' | 'clock' | 'logger' | 'resume'> & {
  readonly purpose?: 'participant';
};

/** Proves the key over an open socket. The socket is closed on failure. */
async function greet<Connection>(
  options: GreetingOptions,
  info: CoordinatorInfo,
  socket: WebSocket,
  greeting: Promise<RawData | null>,
  build: BuildConnection<Connection>,
): Promise<Result<Connection, NodeErrorCode>> {
  const hello = await expectMessage(options, greeting, socket, 'hello');
  if (!hello.ok) {
    socket.terminate();
    return hello;
  }
  const { coordinator_id: coordinatorId, nonce } = hello.value;
  const proof: NodeMessage = {
    type: 'authenticate',
    public_key: options.identity.publicKey,
    signature: options.identity.sign(connectionProofText(nonce, coordinatorId)),
    ...(options.invitation === null || options.invitation === undefined ? {} : { invitation: options.invitation }),
    ...(options.resume === null
      ? {}
      : { resume: { connection_id: options.resume.connectionId, last_event: options.resume.lastEvent } }),
    ...(options.purpose === undefined ? {} : { purpose: options.purpose }),
  };
  // The connection listens from the moment the answer arrives: events follow it at once.
  let connection: Connection | null = null;
  const answer = new Promise<RawData | null>((arrived) => {
    socket.once('message', (data, isBinary) => {
      const message = isBinary ? null : parseCoordinatorMessage(data, options.logger);
      if (message?.type === 'authenticated') {
        connection = build(socket, { ...info, tokenMode: hello.value.token_mode }, hello.value, message);
      }
      arrived(isBinary ? null : data);
    });
    socket.once('close', () => arrived(null));
  });
  socket.send(JSON.stringify(proof));
  const authenticated = await expectMessage(options, answer, socket, 'authenticated');
  if (!authenticated.ok || connection === null) {
    socket.terminate();
    return authenticated.ok
      ? nodeFailure('answer-invalid', 'The coordinator did not finish the greeting.')
      : authenticated;
  }
  return success(connection);
}

/** Requests to a coordinator that wants them signed are signed; any other one sees what the baseline sends. */
function signing(http: CoordinatorHttp, info: CoordinatorInfo, identity: NodeIdentity): CoordinatorHttp {
  return info.signFor === undefined ? http : http.signedBy(requestSigner(identity, info.signFor));
}

/**
 * Connects to a coordinator once: asks `GET /` who it is, then for the WebSocket binding, and falls back to the HTTP
 * baseline where there is none. The choice is found out by asking; no setting makes it.
 *
 * A refused access token fails with `coordinator-unauthorized`, which is not retryable.
 */
export async function connectToCoordinator(
  options: ConnectOptions,
): Promise<Result<CoordinatorConnection, NodeErrorCode>> {
  const url = parseCoordinatorUrl(options.url);
  if (!url.ok) return url;
  const http = new CoordinatorHttp(url.value.base, options.accessToken, options.fetchFunction ?? fetch);
  const probed = await probeCoordinator(http, options.signal);
  if (!probed.ok) return probed;
  const signFor = await askForSigning(http, options.signal);
  const info = success<CoordinatorInfo>(signFor === null ? probed.value : { ...probed.value, signFor });
  const upgraded = await upgrade(url.value.webSocket, http.headers(), options.signal);
  if (upgraded.kind === 'failed') return upgraded.failure;
  if (upgraded.kind === 'open') {
    return greet<CoordinatorConnection>(
      options,
      info.value,
      upgraded.socket,
      upgraded.greeting,
      (socket, ...greeted) => {
        const { resume, clock, logger, onEvent } = options;
        const traffic = options.traffic ?? new TrafficMeter(clock);
        return new WebSocketConnection(socket, ...greeted, resume, clock, logger, onEvent, traffic);
      },
    );
  }
  options.logger.info('The coordinator has no WebSocket; the HTTP baseline is used', { status: upgraded.status });
  return HttpConnection.open({
    http: signing(http, info.value, options.identity),
    info: info.value,
    clock: options.clock,
    logger: options.logger,
    storedNodeId: options.storedNodeId,
    onEvent: options.onEvent,
  });
}

export type ParticipantConnectOptions = Pick<
  ConnectOptions,
  'url' | 'accessToken' | 'identity' | 'invitation' | 'clock' | 'logger' | 'signal' | 'fetchFunction'
>;

/**
 * Connects to a coordinator as a participant of its group sessions: with the same proof of the key, but beside the node
 * of that key and without registering one. A coordinator without a WebSocket hosts no sessions.
 */
export async function connectAsParticipant<Connection>(
  options: ParticipantConnectOptions,
  build: BuildConnection<Connection>,
): Promise<Result<Connection, NodeErrorCode>> {
  const url = parseCoordinatorUrl(options.url);
  if (!url.ok) return url;
  const http = new CoordinatorHttp(url.value.base, options.accessToken, options.fetchFunction ?? fetch);
  const info = await probeCoordinator(http, options.signal);
  if (!info.ok) return info;
  const upgraded = await upgrade(url.value.webSocket, http.headers(), options.signal);
  if (upgraded.kind === 'failed') return upgraded.failure;
  if (upgraded.kind === 'open') {
    const greeting = { ...options, resume: null, purpose: 'participant' as const };
    return greet(greeting, info.value, upgraded.socket, upgraded.greeting, build);
  }
  return nodeFailure('coordinator-not-tore', `${info.value.name} has no WebSocket, so it hosts no group sessions.`, {
    suggestion: 'Use a coordinator of this program, or hold the session on this computer.',
  });
}
