import { Compile } from 'typebox/compile';
import { WebSocket, type RawData } from 'ws';
import type { NodeRegistration } from '../../protocol/compute/http/nodes';
import type { TaskResultBody } from '../../protocol/compute/http/tasks';
import { parseShallowJson } from '../../protocol/documents/shallow-json';
import { success, type Failure, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { CoordinatorMessage, GenerateOutcome, type MessageOf, type NodeMessage } from '../../protocol/wire/messages';
import { repeat, type Clock } from '../clock';
import { nodeFailure } from '../errors';
import type { NodeLogger } from '../logger';
import type {
  CoordinatorConnection,
  CoordinatorEvent,
  CoordinatorInfo,
  GenerateOptions,
  GenerateRequest,
  PipelineReport,
  ResumePoint,
  ShardOffer,
} from './coordinator-client';
import { GENERATE_TIMEOUT_MS } from './http-requests';
import { PendingCalls } from './pending-calls';
import { SilenceLimit } from './silence-limit';
import type { TrafficMeter } from './traffic-meter';
import { eventOf } from './websocket-events';
import { readInteger, readNode, readRecord, readText, readVerdict, type NodeRecord, type ReadVerdict } from './reading';

const coordinatorMessage = Compile(CoordinatorMessage);
const generateOutcome = Compile(GenerateOutcome);

/** Bytes waiting to be sent after which the next step waits until they have left. */
const HIGH_WATER_BYTES = 8 * 1024 * 1024;
/** Bytes waiting to be sent after which the coordinator is too slow to go on with. */
const MAX_BUFFERED_BYTES = 4 * WIRE_LIMITS.maxFrameBytes;

/** Heartbeats and cancellations arrive on the same socket and must not be held up for longer. */
const MAX_READ_PAUSE_MS = 5_000;

type Hello = MessageOf<CoordinatorMessage, 'hello'>;
type Authenticated = MessageOf<CoordinatorMessage, 'authenticated'>;

type GenerateListeners = Pick<GenerateOptions, 'onStarted' | 'onToken' | 'onQueued' | 'onWaiting'>;

/** The bytes of a message, in whatever pieces they came. */
export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Close code of a coordinator that serves another connection of the same key now. */
const REPLACED_CLOSE_CODE = 4_409;

/** What the end of a connection means. */
export function closeFailure(code: number, said: string): Failure {
  if (code === REPLACED_CLOSE_CODE) {
    // Coming back would push the other one out, which would come back as well.
    return nodeFailure(
      'connection-replaced',
      'Another program connected to the coordinator with the key of this node.',
      {
        suggestion: 'Give each program a data folder of its own, or end the other one and try again.',
      },
    ).error;
  }
  const detail = `code ${code}${said === '' ? '' : `: ${said}`}`;
  return nodeFailure('connection-lost', `The connection to the coordinator was lost (${detail}).`, { retryable: true })
    .error;
}

/** Parses and checks one text message; null (and a log line) for what this version does not understand. */
export function parseCoordinatorMessage(data: RawData, logger: NodeLogger): CoordinatorMessage | null {
  const bytes = bytesOf(data);
  if (bytes.byteLength > WIRE_LIMITS.maxTextBytes) {
    logger.warn('A message of the coordinator is too large', { bytes: bytes.byteLength });
    return null;
  }
  let parsed: unknown;
  try {
    parsed = parseShallowJson(bytes.toString('utf8'), WIRE_LIMITS.maxToldDepth);
  } catch {
    logger.warn('A message of the coordinator is no JSON, or nested too deeply');
    return null;
  }
  if (coordinatorMessage.Check(parsed)) return parsed;
  const type = readText(readRecord(parsed)?.['type'], 60) ?? 'none';
  const [first] = coordinatorMessage.Errors(parsed);
  logger.warn('A message of the coordinator is not understood', { type, reason: first?.message });
  return null;
}

/** The WebSocket binding after the key was proved: calls with replies, events, pipeline messages and activations. */
export class WebSocketConnection implements CoordinatorConnection {
  readonly transport = 'websocket';
  readonly closed: Promise<Failure>;
  readonly knownNode: NodeRecord | null;
  private settleClosed: (reason: Failure) => void = () => undefined;
  private endReason: Failure | null = null;
  private hasShard = false;
  private readonly calls: PendingCalls;
  private readonly generating = new Map<
    string,
    { readonly listeners: GenerateListeners; readonly silence: SilenceLimit; readonly isCancelled: () => boolean }
  >();
  private lastEvent: number;
  private readonly stopHeartbeat: () => void;

  constructor(
    private readonly socket: WebSocket,
    readonly info: CoordinatorInfo,
    hello: Hello,
    private readonly session: Authenticated,
    resume: ResumePoint | null,
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
    private readonly onEvent: (event: CoordinatorEvent) => void,
    private readonly traffic: TrafficMeter,
  ) {
    this.closed = new Promise((resolve) => {
      this.settleClosed = resolve;
    });
    this.calls = new PendingCalls((message) => this.sendText(message), clock, logger);
    this.knownNode = session.node === null ? null : readNode(session.node);
    this.lastEvent = session.resumed && resume !== null ? resume.lastEvent : 0;
    this.stopHeartbeat = repeat(clock, hello.heartbeat_seconds * 1_000, () => this.heartbeat());
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('close', (code, reason) => {
      this.end(closeFailure(code, reason.toString('utf8').slice(0, 200)));
    });
    socket.on('error', (error) => logger.warn('The connection reported an error', { reason: error.message }));
  }

  resumePoint(): ResumePoint {
    return { connectionId: this.session.connection_id, lastEvent: this.lastEvent };
  }

  async registerNode(registration: NodeRegistration): Promise<Result<NodeRecord>> {
    const reply = await this.calls.make({ type: 'register-node', registration });
    if (!reply.ok) return reply;
    const node = readNode(reply.value);
    return node === null
      ? nodeFailure('answer-invalid', 'The coordinator registered this node but named no id.')
      : success(node);
  }

  async updateHardware(registration: NodeRegistration): Promise<Result<void>> {
    const reply = await this.calls.make({ type: 'update-hardware', registration });
    return reply.ok ? success(undefined) : reply;
  }

  async registerShard(offer: ShardOffer): Promise<Result<void>> {
    const { shard, manifestHash, manifest } = offer;
    const reply = await this.calls.make({ type: 'register-shard', shard, manifest_hash: manifestHash, manifest });
    if (!reply.ok) return reply;
    this.hasShard = true;
    return success(undefined);
  }

  async removeShard(modelId: string): Promise<Result<void>> {
    this.hasShard = false;
    const reply = await this.calls.make({ type: 'remove-shard', model_id: modelId });
    return reply.ok ? success(undefined) : reply;
  }

  async answerMove(proposalId: string, accepted: boolean): Promise<Result<void>> {
    const reply = await this.calls.make({ type: 'answer-move', proposal_id: proposalId, accepted });
    return reply.ok ? success(undefined) : reply;
  }

  async submitTaskResult(result: TaskResultBody): Promise<Result<ReadVerdict>> {
    const reply = await this.calls.make({ type: 'task-result', result });
    return reply.ok ? success(readVerdict(reply.value)) : reply;
  }

  async generate(request: GenerateRequest, options: GenerateOptions): Promise<Result<GenerateOutcome>> {
    const { requestId } = request;
    const { signal } = options;
    if (signal?.aborted === true) return nodeFailure('cancelled', 'The request was cancelled.');
    const silence = new SilenceLimit(this.clock, GENERATE_TIMEOUT_MS);
    this.generating.set(requestId, { listeners: options, silence, isCancelled: () => signal?.aborted === true });
    const cancel = async (): Promise<void> => {
      const reply = await this.calls.make({ type: 'cancel-generate', request_id: requestId });
      if (!reply.ok) this.logger.info('A request could not be cancelled', { reason: reply.error.message });
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const reply = await this.calls.make(
      {
        type: 'generate',
        request_id: requestId,
        model_id: request.modelId,
        ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
        ...(request.messages === undefined ? {} : { messages: [...request.messages] }),
        max_new_tokens: request.maxNewTokens,
        sampling: request.sampling,
        ...(request.backend === undefined ? {} : { force_backend: request.backend }),
        ...(request.session === undefined
          ? {}
          : { session_id: request.session.sessionId, participant_id: request.session.participantId }),
        ...(options.resumeFrom === undefined ? {} : { resume_from: options.resumeFrom }),
      },
      silence,
    );
    signal?.removeEventListener('abort', cancel);
    this.generating.delete(requestId);
    // Nobody waits for the rest any more, and nobody shall pay for it.
    if (silence.signal.aborted) void cancel();
    if (!reply.ok) return reply;
    return generateOutcome.Check(reply.value)
      ? success(reply.value)
      : nodeFailure('answer-invalid', 'The coordinator settled the request with an answer this version cannot read.');
  }

  report(message: PipelineReport): void {
    this.sendText(message);
  }

  async sendActivation(bytes: Uint8Array): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.logger.warn('The coordinator takes activations too slowly; the connection is given up');
      this.socket.terminate();
      return;
    }
    const waitMs = this.traffic.sent(bytes.byteLength);
    if (waitMs >= 1) {
      await this.holdBack(waitMs);
      if (this.socket.readyState !== WebSocket.OPEN) return;
    }
    if (this.socket.bufferedAmount < HIGH_WATER_BYTES) {
      this.socket.send(bytes, { binary: true });
      return;
    }
    await new Promise<void>((resolve) => this.socket.send(bytes, { binary: true }, () => resolve()));
  }

  /** Waits; later frames wait at least as long, so their order stays. */
  private async holdBack(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => void this.clock.schedule(waitMs, resolve));
  }

  close(): void {
    this.endReason = {
      code: 'connection-lost',
      message: 'The connection was closed by this node.',
      retryable: true,
    };
    this.socket.close(1000);
    // A peer that does not answer the close would hold the socket for 30 s.
    this.end(this.endReason);
  }

  private end(reason: Failure): void {
    this.stopHeartbeat();
    this.calls.failAll(reason);
    this.settleClosed(this.endReason ?? reason);
  }

  private sendText(message: NodeMessage): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    const text = JSON.stringify(message);
    this.traffic.sent(text.length);
    this.socket.send(text);
    return true;
  }

  private async heartbeat(): Promise<void> {
    const reply = await this.calls.make({ type: 'heartbeat' });
    if (!reply.ok) {
      if (reply.error.code === 'call-timeout') this.socket.terminate();
      else this.logger.warn('A heartbeat was refused', { code: reply.error.code, reason: reply.error.message });
      return;
    }
    const answer = readRecord(reply.value);
    if (this.hasShard && readInteger(answer?.['shards']) === 0) {
      this.hasShard = false;
      this.onEvent({ kind: 'shard-lost' });
    }
    const status = readText(answer?.['status'], 40);
    if (status === 'suspended' || status === 'active') {
      this.onEvent({
        kind: 'node-status',
        status,
        reliability: null,
        message: `The coordinator says this node is ${status}.`,
        taskId: null,
        passed: null,
      });
    }
  }

  /** Counts what arrived; above the person's limit nothing more is read for a while, which slows the sender down. */
  private countReceived(bytes: number): void {
    const waitMs = Math.min(this.traffic.received(bytes), MAX_READ_PAUSE_MS);
    if (waitMs < 1 || this.socket.isPaused) return;
    this.socket.pause();
    this.clock.schedule(waitMs, () => this.socket.resume());
  }

  /**
   * Who waits for the answer something came of. That it came is a sign of life, except of one that was cancelled: only its
   * end is waited for then, which a coordinator could otherwise put off for ever.
   */
  private listenersOf(requestId: string): GenerateListeners | undefined {
    const waiting = this.generating.get(requestId);
    if (waiting?.isCancelled() === false) waiting.silence.heard();
    return waiting?.listeners;
  }

  private receive(data: RawData, isBinary: boolean): void {
    this.countReceived(Array.isArray(data) ? data.reduce((sum, part) => sum + part.byteLength, 0) : data.byteLength);
    if (isBinary) {
      this.onEvent({ kind: 'activation', bytes: bytesOf(data) });
      return;
    }
    const message = parseCoordinatorMessage(data, this.logger);
    if (message === null) return;
    if ('event' in message) {
      // After a resumption the coordinator may repeat what arrived just before the loss.
      if (message.event <= this.lastEvent) return;
      this.lastEvent = message.event;
    }
    switch (message.type) {
      case 'reply':
        return this.calls.settle(message);
      case 'generate-started':
        return this.listenersOf(message.request_id)?.onStarted?.({
          pipeline: message.pipeline,
          inputTokens: message.input_tokens,
          isResumed: message.resumed === true,
        });
      case 'generate-token':
        return this.listenersOf(message.request_id)?.onToken?.({
          index: message.index,
          tokenId: message.token_id,
          text: message.text,
          logProbabilities: message.logprobs,
        });
      case 'generate-queued':
        return this.listenersOf(message.request_id)?.onQueued?.({
          position: message.position,
          waiting: message.waiting,
        });
      case 'generate-waiting':
        return this.listenersOf(message.request_id)?.onWaiting?.({
          layersMissing: message.layers_missing,
          seconds: message.seconds,
        });
      case 'inbox-changed':
        // For the connection of a party's key, never for that of a node.
        return undefined;
      case 'hello':
      case 'authenticated':
        return this.logger.warn('The coordinator repeated its greeting', { type: message.type });
      case 'session-turns':
      case 'session-changed':
      case 'session-present':
      case 'session-streamed':
      case 'session-ended':
      case 'session-offered':
      case 'session-returned':
        return this.logger.warn('The coordinator told a node of a session', { type: message.type });
      default: {
        const event = eventOf(message);
        if (event === null) this.logger.warn('A challenge or a proposal could not be understood');
        else this.onEvent(event);
      }
    }
  }
}
