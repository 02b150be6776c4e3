import type { TSchema, Static } from 'typebox';
import { Value } from 'typebox/value';
import { WebSocket, type RawData } from 'ws';
import { success, type Failure, type Result } from '../../protocol/result';
import type { CoordinatorMessage, MessageOf, NodeMessage, SessionEvent } from '../../protocol/wire/messages';
import type { StreamPiece } from '../../protocol/wire/session-messages';
import { repeat, type Clock } from '../clock';
import type { CoordinatorInfo } from '../coordinator-client/coordinator-client';
import { PendingCalls, type CallBody } from '../coordinator-client/pending-calls';
import { closeFailure, parseCoordinatorMessage } from '../coordinator-client/websocket-connection';
import { nodeFailure } from '../errors';
import type { NodeLogger } from '../logger';

/** Two heartbeats without any sign of the coordinator end the connection. */
const SILENT_HEARTBEATS = 2;

type SessionCallBody = Extract<CallBody, { type: `session-${string}` }>;

/** One connection as a participant: calls with replies, signals, and what the host tells. Once closed it stays closed. */
export class ParticipantConnection {
  readonly closed: Promise<Failure>;
  readonly coordinatorId: string;
  private readonly calls: PendingCalls;
  private settleClosed: (reason: Failure) => void = () => undefined;
  private silent = 0;
  private readonly stopWatch: () => void;

  constructor(
    private readonly socket: WebSocket,
    readonly info: CoordinatorInfo,
    hello: MessageOf<CoordinatorMessage, 'hello'>,
    clock: Clock,
    private readonly logger: NodeLogger,
    private readonly onEvent: (event: SessionEvent) => void,
  ) {
    this.coordinatorId = hello.coordinator_id;
    this.closed = new Promise((resolve) => {
      this.settleClosed = resolve;
    });
    this.calls = new PendingCalls((message) => this.send(message), clock, logger);
    this.stopWatch = repeat(clock, hello.heartbeat_seconds * 1_000, () => this.watch());
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('ping', () => this.alive());
    socket.on('pong', () => this.alive());
    socket.on('close', (code, reason) => this.end(closeFailure(code, reason.toString('utf8').slice(0, 200))));
  }

  /** Makes a call and checks its answer; what does not fit the schema is refused as `answer-invalid`. */
  async call<Answer extends TSchema>(body: SessionCallBody, answer: Answer): Promise<Result<Static<Answer>>> {
    const reply = await this.calls.make(body);
    if (!reply.ok) return reply;
    if (Value.Check(answer, reply.value)) return success(reply.value as Static<Answer>);
    return nodeFailure(
      'answer-invalid',
      `The coordinator answered “${body.type}” with something this version cannot read.`,
    );
  }

  typing(sessionId: string, typing: boolean): void {
    this.send({ type: 'session-typing', session_id: sessionId, typing });
  }

  stream(sessionId: string, piece: StreamPiece): void {
    this.send({ type: 'session-stream', session_id: sessionId, piece });
  }

  close(): void {
    this.socket.close(1000);
    this.end(nodeFailure('connection-lost', 'The connection was closed.', { retryable: true }).error);
  }

  private alive(): void {
    this.silent = 0;
  }

  private watch(): Promise<void> {
    this.silent += 1;
    if (this.silent > SILENT_HEARTBEATS) this.socket.terminate();
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.ping();
    return Promise.resolve();
  }

  private end(reason: Failure): void {
    this.stopWatch();
    this.calls.failAll(reason);
    this.settleClosed(reason);
  }

  private send(message: NodeMessage): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private receive(data: RawData, isBinary: boolean): void {
    this.alive();
    const message = isBinary ? null : parseCoordinatorMessage(data, this.logger);
    if (message === null) return;
    if (message.type === 'reply') this.calls.settle(message);
    else if (isSessionEvent(message)) this.onEvent(message);
  }
}

function isSessionEvent(message: CoordinatorMessage): message is SessionEvent {
  return message.type.startsWith('session-');
}
