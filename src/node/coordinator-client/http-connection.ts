import { INTERVALS } from '../../protocol/compute/formulas';
import type { NodeRegistration } from '../../protocol/compute/http/nodes';
import type { TaskResultBody } from '../../protocol/compute/http/tasks';
import { success, type Failure, type Result } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import { repeat, type Clock } from '../clock';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import type {
  CoordinatorConnection,
  CoordinatorEvent,
  CoordinatorInfo,
  GenerateOptions,
  GenerateRequest,
  PipelineReport,
  ShardOffer,
} from './coordinator-client';
import { generateOverHttp } from './http-generate';
import { quoteAnswer, type CoordinatorHttp, type HttpAnswer, type HttpRequest } from './http-requests';
import { unauthorizedFailure } from './probe';
import {
  readDetail,
  readMicroGft,
  readNode,
  readRecord,
  readShare,
  readTask,
  readText,
  readVerdict,
  type NodeRecord,
  type ReadVerdict,
} from './reading';

/** Heartbeats in a row that may fail before the connection counts as lost: a coordinator gives a node 120 s. */
const FAILED_HEARTBEATS_UNTIL_LOST = 3;

export interface HttpConnectionOptions {
  readonly http: CoordinatorHttp;
  readonly info: CoordinatorInfo;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  /** The node id this coordinator gave us earlier. */
  readonly storedNodeId: string | null;
  readonly onEvent: (event: CoordinatorEvent) => void;
}

/** Turns an answer that is no success into a failure that says what the coordinator said. */
export function refusal(answer: HttpAnswer, what: string): ReturnType<typeof nodeFailure> {
  const detail = readDetail(answer.json);
  if (answer.status === 401) return unauthorizedFailure(answer.status, detail);
  const said = detail ?? quoteAnswer(answer);
  if (answer.status >= 500 || answer.status === 429) {
    return nodeFailure('coordinator-fault', `${what} failed at the coordinator: ${said}`, { retryable: true });
  }
  return nodeFailure('coordinator-refused', `${what} was refused: ${said}`);
}

/**
 * The HTTP baseline of tore-0001, for coordinators without `/ws`: heartbeats and challenges are asked for at the
 * profile's intervals, work comes in through the node's activation server.
 */
export class HttpConnection implements CoordinatorConnection {
  readonly transport = 'http';
  readonly info: CoordinatorInfo;
  readonly closed: Promise<Failure>;
  private settleClosed: (reason: Failure) => void = () => undefined;
  private isClosed = false;
  private nodeId: string | null = null;
  private hasShard = false;
  private failedHeartbeats = 0;
  private lastBalanceMicroGft: number | null = null;
  private stopTimers: (() => void)[] = [];

  private constructor(
    private readonly options: HttpConnectionOptions,
    readonly knownNode: NodeRecord | null,
  ) {
    this.info = options.info;
    this.closed = new Promise((resolve) => {
      this.settleClosed = resolve;
    });
    if (knownNode !== null) this.adopt(knownNode);
  }

  /** Looks up the stored node id, when there is one, and begins. */
  static async open(options: HttpConnectionOptions): Promise<Result<HttpConnection, NodeErrorCode>> {
    let knownNode: NodeRecord | null = null;
    if (options.storedNodeId !== null) {
      const answer = await options.http.send({ path: `/nodes/${encodeURIComponent(options.storedNodeId)}` });
      if (!answer.ok) return answer;
      if (answer.value.status === 401) return refusal(answer.value, 'Looking up this node');
      // A malformed id may give 500 with text: whatever is no node means registering anew.
      knownNode = answer.value.status === 200 ? readNode(answer.value.json) : null;
    }
    return success(new HttpConnection(options, knownNode));
  }

  resumePoint(): null {
    return null;
  }

  async registerNode(registration: NodeRegistration): Promise<Result<NodeRecord>> {
    const answer = await this.send({ method: 'POST', path: '/nodes/register', body: registration });
    if (!answer.ok) return answer;
    if (answer.value.status === 409) return this.registerKnownKey(answer.value);
    if (answer.value.status >= 300) return refusal(answer.value, 'Registering this node');
    const node = readNode(answer.value.json);
    if (node === null) {
      return nodeFailure(
        'answer-invalid',
        `The coordinator registered this node but named no id (${quoteAnswer(answer.value)}).`,
      );
    }
    this.adopt(node);
    return success(node);
  }

  private async registerKnownKey(conflict: HttpAnswer): Promise<Result<NodeRecord>> {
    const body = readRecord(conflict.json);
    const named = readText(body?.['node_id'] ?? readRecord(body?.['detail'])?.['node_id'], 200);
    const nodeId = named ?? this.options.storedNodeId;
    if (nodeId === null) {
      return nodeFailure(
        'key-registered-without-id',
        'The coordinator knows this key already but did not say under which node id, and none is stored here.',
        {
          suggestion:
            'Restore the node’s data folder from a backup, or ask the coordinator’s operator for the node id.',
        },
      );
    }
    const answer = await this.send({ path: `/nodes/${encodeURIComponent(nodeId)}` });
    if (!answer.ok) return answer;
    const node = answer.value.status === 200 ? readNode(answer.value.json) : null;
    if (node === null) {
      return nodeFailure(
        'key-registered-without-id',
        `The coordinator knows this key already, but not under the stored node id ${nodeId} (${quoteAnswer(answer.value)}).`,
        { suggestion: 'Ask the coordinator’s operator for the node id of this key.' },
      );
    }
    this.adopt(node);
    return success(node);
  }

  private adopt(node: NodeRecord): void {
    this.nodeId = node.nodeId;
    this.lastBalanceMicroGft = node.balanceMicroGft;
    if (this.stopTimers.length > 0 || this.isClosed) return;
    const { clock } = this.options;
    this.stopTimers = [
      repeat(clock, INTERVALS.heartbeatSeconds * 1_000, () => this.heartbeat()),
      repeat(clock, INTERVALS.challengeEverySeconds * 1_000, () => this.askForTask()),
    ];
  }

  async updateHardware(registration: NodeRegistration): Promise<Result<void>> {
    const answer = await this.send({ method: 'POST', path: this.nodePath('/hardware-update'), body: registration });
    if (!answer.ok) return answer;
    return answer.value.status < 300 ? success(undefined) : refusal(answer.value, 'Reporting the new hardware');
  }

  async registerShard(offer: ShardOffer): Promise<Result<void>> {
    const answer = await this.send({
      method: 'POST',
      path: '/inference/shards/register',
      body: { ...offer.shard, manifest_hash: offer.manifestHash },
    });
    if (!answer.ok) return answer;
    if (answer.value.status >= 300) return refusal(answer.value, 'Registering the shard');
    this.hasShard = true;
    return success(undefined);
  }

  async removeShard(modelId: string): Promise<Result<void>> {
    this.hasShard = false;
    const answer = await this.send({
      method: 'DELETE',
      path: `/inference/shards/${encodeURIComponent(this.nodeId ?? '')}?model_id=${encodeURIComponent(modelId)}`,
    });
    if (!answer.ok) return answer;
    // 404: it is not registered, which is what was wanted.
    const gone = answer.value.status < 300 || answer.value.status === 404;
    return gone ? success(undefined) : refusal(answer.value, 'Removing the shard');
  }

  answerMove(): Promise<Result<void>> {
    return Promise.resolve(nodeFailure('move-unknown', 'The HTTP baseline knows no proposals to move.'));
  }

  async submitTaskResult(result: TaskResultBody): Promise<Result<ReadVerdict>> {
    const answer = await this.send({ method: 'POST', path: '/tasks/result', body: result });
    if (!answer.ok) return answer;
    if (answer.value.status >= 300) return refusal(answer.value, 'The answer to the challenge');
    return success(readVerdict(answer.value.json));
  }

  generate(request: GenerateRequest, options: GenerateOptions): Promise<Result<GenerateOutcome>> {
    if (this.nodeId === null) {
      return Promise.resolve(nodeFailure('not-connected', 'This node is not registered with the coordinator yet.'));
    }
    return generateOverHttp(this.options.http, this.nodeId, request, options, this.options.clock);
  }

  report(message: PipelineReport): void {
    this.options.logger.debug('A pipeline report has no way over HTTP', { type: message.type });
  }

  async sendActivation(): Promise<void> {
    this.options.logger.debug('An activation frame has no way over HTTP');
  }

  close(): void {
    this.end({ code: 'connection-lost', message: 'The connection was closed by this node.', retryable: true });
  }

  private end(reason: Failure): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const stop of this.stopTimers) stop();
    this.stopTimers = [];
    this.settleClosed(reason);
  }

  private nodePath(rest: string): string {
    return `/nodes/${encodeURIComponent(this.nodeId ?? '')}${rest}`;
  }

  private send(request: HttpRequest): Promise<Result<HttpAnswer, NodeErrorCode>> {
    return this.options.http.send(request);
  }

  private async heartbeat(): Promise<void> {
    const answer = await this.send({ method: 'POST', path: this.nodePath('/heartbeat') });
    if (this.isClosed) return;
    if (!answer.ok || answer.value.status >= 500) {
      this.failedHeartbeats += 1;
      const error = answer.ok ? refusal(answer.value, 'A heartbeat').error : answer.error;
      this.options.logger.warn('A heartbeat failed', { failed: this.failedHeartbeats, reason: error.message });
      if (this.failedHeartbeats >= FAILED_HEARTBEATS_UNTIL_LOST) this.end(error);
      return;
    }
    this.failedHeartbeats = 0;
    if (answer.value.status === 401) return this.end(refusal(answer.value, 'A heartbeat').error);
    if (answer.value.status === 404) {
      return this.end({
        code: 'node-unknown',
        message: 'The coordinator does not know this node any more; it registers again.',
        retryable: true,
      });
    }
    this.noteStatus(readRecord(answer.value.json));
    await this.shardHeartbeat();
    await this.askForBalance();
  }

  private noteStatus(answer: Readonly<Record<string, unknown>> | null): void {
    const status = readText(answer?.['status'], 40);
    if (status === null) return;
    this.options.onEvent({
      kind: 'node-status',
      status,
      reliability: readShare(answer?.['reliability'] ?? answer?.['reliability_factor']),
      message: `The coordinator says this node is ${status}.`,
      taskId: null,
      passed: null,
    });
  }

  private async shardHeartbeat(): Promise<void> {
    if (!this.hasShard || this.nodeId === null) return;
    const answer = await this.send({
      method: 'POST',
      path: `/inference/shards/heartbeat/${encodeURIComponent(this.nodeId)}`,
    });
    if (this.isClosed || !answer.ok) return;
    if (answer.value.status === 404) {
      this.hasShard = false;
      this.options.onEvent({ kind: 'shard-lost' });
    } else if (answer.value.status >= 300) {
      this.options.logger.warn('A shard heartbeat failed', { reason: refusal(answer.value, 'It').error.message });
    }
  }

  private async askForBalance(): Promise<void> {
    if (this.info.tokenMode === false || this.nodeId === null) return;
    const answer = await this.send({ path: `/tokens/${encodeURIComponent(this.nodeId)}/balance` });
    if (this.isClosed || !answer.ok || answer.value.status !== 200) return;
    const balanceMicroGft = readMicroGft(readRecord(answer.value.json)?.['balance']);
    if (balanceMicroGft === null || balanceMicroGft === this.lastBalanceMicroGft) return;
    const before = this.lastBalanceMicroGft;
    this.lastBalanceMicroGft = balanceMicroGft;
    this.options.onEvent({
      kind: 'balance',
      balanceMicroGft,
      amountMicroGft: before === null ? null : balanceMicroGft - before,
      eventType: null,
      ledgerRef: null,
    });
  }

  private async askForTask(): Promise<void> {
    if (!this.hasShard || this.nodeId === null) return;
    const answer = await this.send({ method: 'POST', path: `/tasks/dispatch/${encodeURIComponent(this.nodeId)}` });
    if (this.isClosed || !answer.ok) return;
    if (answer.value.status >= 300) {
      // 400: no shard registered; 403: not active. Heartbeats tell both in words of their own.
      const { message } = refusal(answer.value, 'Asking for a challenge').error;
      this.options.logger.info('No challenge was given', { reason: message });
      return;
    }
    const task = readTask(answer.value.json);
    if (task === null) {
      this.options.logger.warn('A challenge could not be understood', { answer: quoteAnswer(answer.value) });
      return;
    }
    this.options.onEvent({ kind: 'task', task });
  }
}
