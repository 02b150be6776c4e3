import type { WebSocket } from 'ws';
import { LAYERS_TRANSPORT } from '../../protocol/compute/http/shards';
import type { TaskView } from '../../protocol/compute/http/tasks';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { WEBSOCKET_SUBPROTOCOL, WIRE_LIMITS } from '../../protocol/wire/limits';
import type { CoordinatorMessage, MessageOf, NodeMessage, ParticipantMessage } from '../../protocol/wire/messages';
import type { AccessService } from '../access/access-service';
import type { Clock, Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import type { CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import { normalizePublicKey, type NodeStore } from '../nodes/node-store';
import type { BalanceChange, NodeNotifications, StandingChange } from '../notifications';
import type { NodeLink, NodeLinks, RelayEvent, RelayRouter } from '../pipeline/relay-router';
import type { ShardRegistry } from '../scheduling/shard-registry';
import { StorageError } from '../storage/storage-error';
import { COORDINATOR_VERSION } from '../version';
import { AddressCount } from './address-count';
import { messagesOf } from './answer-messages';
import { CLOSE_REASONS, withDetail } from './close-reason';
import type { CoverageFeed } from './coverage-feed';
import { EventLog, type EventDraft } from './event-log';
import { provesKey } from './key-proof';
import { isLongCall, type Caller, type NodeCalls } from './node-calls';
import { NodeConnection, type NodeCall, type PipelineReport } from './node-connection';
import { ParticipantConnection, type SessionRooms } from '../sessions/session-rooms';

const NONCE_BYTES = 32;

/** What outlives a lost connection for a while: the numbered events, and the claim to the node's shards. */
interface Session {
  readonly connectionId: string;
  readonly publicKey: string;
  readonly log: EventLog;
  nodeId: string | null;
  connection: NodeConnection | null;
  connectedAtMs: number;
  /** Cut when the connection is lost; a new one is made when it comes back. */
  lifetime: AbortController;
  lostAtMs: number | null;
}

/** Somebody who wants to know which nodes are there, and how far away. */
export interface NodeObserver {
  roundTrip(nodeId: string, elapsedMs: number): void;
  /** The node came, or went. */
  connectionChanged(nodeId: string): void;
}

/** The answer to a call that belongs on a connection opened for something else. */
function otherPurpose(callId: number): MessageOf<CoordinatorMessage, 'reply'> {
  const error = {
    code: 'message-invalid',
    message: 'This connection was opened for another purpose; open one of its own for this call.',
    retryable: false,
  };
  return { type: 'reply', call_id: callId, ok: false, error };
}

/** The connected nodes: who is there, what they call, and how news and pipelines reach them. */
export class Hub implements NodeLinks, NodeNotifications {
  private readonly sessionsByKey = new Map<string, Session>();
  private readonly sessionsByNode = new Map<string, Session>();
  /** The last call of each session that is being answered. */
  private readonly tails = new WeakMap<Session, Promise<void>>();
  private readonly connections = new Set<NodeConnection>();
  private readonly addresses = new AddressCount();
  private calls: NodeCalls | null = null;
  private coverage: Pick<CoverageFeed, 'request' | 'greet'> | null = null;
  private rooms: SessionRooms | null = null;
  private lastProbeMs = 0;
  private observer: NodeObserver | null = null;

  constructor(
    private readonly coordinatorId: string,
    private readonly config: CoordinatorConfig,
    private readonly access: AccessService,
    private readonly nodes: NodeStore,
    private readonly registry: ShardRegistry,
    private readonly router: RelayRouter,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly onShardRegistered: (nodeId: string) => void,
  ) {}

  /** The services need the hub to notify nodes, and the hub needs them to answer calls; this closes the circle. */
  connectServices(calls: NodeCalls, coverage: Pick<CoverageFeed, 'request' | 'greet'>, rooms: SessionRooms): void {
    this.calls = calls;
    this.coverage = coverage;
    this.rooms = rooms;
  }

  watchNodes(observer: NodeObserver): void {
    this.observer = observer;
  }

  /**
   * Takes a new socket over: greets it and waits for the proof of its key.
   *
   * @param address - where it comes from; a machine may only have so many
   */
  accept(socket: WebSocket, address: string): void {
    const leaveAddress = this.addresses.enter(address);
    const nonce = Buffer.from(this.random.bytes(NONCE_BYTES)).toString('base64');
    let session: Session | null = null;
    let participant: ParticipantConnection | null = null;
    const timer = setTimeout(
      () => connection.close(CLOSE_REASONS.authenticationTimeout),
      this.config.authenticationSeconds * 1_000,
    );
    const connection = new NodeConnection(socket, this.config.readerTimeoutSeconds * 1_000, {
      authenticate: (message) => {
        void this.authenticate(connection, message, nonce).then((opened) => {
          clearTimeout(timer);
          if (opened instanceof ParticipantConnection) participant = opened;
          else session = opened;
        });
      },
      call: (call) => {
        if (session !== null) this.enqueue(session, connection, call);
        else if (participant !== null) connection.reply(otherPurpose(call.call_id));
      },
      participant: (message) => {
        if (participant !== null) this.hear(participant, connection, message);
        else if ('call_id' in message) connection.reply(otherPurpose(message.call_id));
      },
      pipeline: (report) => {
        if (session !== null) this.report(session, connection, report);
      },
      frame: (header, bytes) => {
        if (session !== null) this.route(session, connection, header.requestId, { kind: 'frame', header, bytes });
      },
      failed: (thrown) => this.logger.error({ err: thrown }, 'a message of a connection failed'),
      closed: () => {
        clearTimeout(timer);
        leaveAddress();
        this.connections.delete(connection);
        if (session?.connection === connection) this.lose(session);
        if (participant !== null) this.rooms?.lost(participant);
      },
      roundTrip: (elapsedMs) => {
        if (session !== null && session.nodeId !== null) this.observer?.roundTrip(session.nodeId, elapsedMs);
      },
    });
    this.connections.add(connection);
    const { maxConnections, maxConnectionsPerAddress } = this.config;
    if (this.connections.size > maxConnections) return connection.close(CLOSE_REASONS.tooManyConnections);
    if (this.addresses.of(address) > maxConnectionsPerAddress) return connection.close(CLOSE_REASONS.addressFull);
    if (socket.protocol !== WEBSOCKET_SUBPROTOCOL) return connection.close(CLOSE_REASONS.badSubprotocol);
    void connection.send({
      type: 'hello',
      protocol: 'tore.v1',
      coordinator_id: this.coordinatorId,
      name: this.config.name,
      version: COORDINATOR_VERSION,
      token_mode: this.config.tokenEconomy,
      nonce,
      heartbeat_seconds: this.config.heartbeatSeconds,
    });
  }

  isConnected(nodeId: string): boolean {
    return this.sessionsByNode.get(nodeId)?.connection?.isAuthenticated === true;
  }

  /** Ids of registered nodes with a live connection. */
  connectedNodes(): string[] {
    return [...this.sessionsByNode].flatMap(([nodeId, session]) => (session.connection === null ? [] : [nodeId]));
  }

  linkTo(nodeId: string): NodeLink | null {
    return this.sessionsByNode.get(nodeId)?.connection ?? null;
  }

  task(nodeId: string, task: TaskView): boolean {
    return this.notify(nodeId, { type: 'task', task });
  }

  balance(nodeId: string, change: BalanceChange): void {
    this.notify(nodeId, {
      type: 'balance',
      balance: toWireGft(change.balanceMicroGft),
      amount: toWireGft(change.amountMicroGft),
      event_type: change.eventType,
      ledger_ref: change.ledgerRef,
    });
  }

  standing(nodeId: string, change: StandingChange): void {
    this.notify(nodeId, {
      type: 'node-status',
      status: change.status,
      reliability: change.reliability,
      message: change.message.slice(0, 2_000),
      ...(change.taskId === undefined ? {} : { task_id: change.taskId }),
      ...(change.passed === undefined ? {} : { passed: change.passed }),
    });
  }

  notice(nodeId: string, text: string): void {
    this.notify(nodeId, { type: 'notice', text });
  }

  coverageMayHaveChanged(): void {
    this.coverage?.request();
  }

  /** To every authenticated connection, not numbered: the next one replaces it. */
  broadcast(message: MessageOf<CoordinatorMessage, 'coverage'>): void {
    for (const session of this.sessionsByKey.values()) void session.connection?.send(message);
  }

  /** To the connection of a key, whether it is registered as a node or not. Not kept for one that is away. */
  tellKey(publicKey: string, message: MessageOf<CoordinatorMessage, 'inbox-changed'>): void {
    void this.sessionsByKey.get(publicKey)?.connection?.send(message);
  }

  /**
   * The node has a newer connection at another replica: the one here ends, and with it the claim to its shards, which
   * are the other replica's now.
   *
   * @param afterMs - a connection younger than this stays: it may have come from there while the news was on its way
   * @returns false when it stayed for being so young
   */
  yieldNode(nodeId: string, afterMs: number): boolean {
    const session = this.sessionsByNode.get(nodeId);
    if (session === undefined) return true;
    if (this.clock.nowMs() - session.connectedAtMs < afterMs) return false;
    session.connection?.close(CLOSE_REASONS.replaced);
    this.bind(session, null);
    if (this.sessionsByKey.get(session.publicKey) === session) this.sessionsByKey.delete(session.publicKey);
    return true;
  }

  /** Keys with an open connection, as a node or as a participant of sessions. */
  connectedKeys(): readonly string[] {
    const keys = [...this.sessionsByKey].flatMap(([key, { connection }]) => (connection === null ? [] : [key]));
    return [...new Set([...keys, ...(this.rooms?.connectedKeys() ?? [])])];
  }

  /** Ends the connections of a key that was shut out, as a node and as a participant of sessions. */
  expel(publicKey: string, reason: string): void {
    const session = this.sessionsByKey.get(publicKey);
    session?.connection?.close(withDetail(CLOSE_REASONS.notAllowed, reason));
    if (session !== undefined) this.forget(session);
    this.rooms?.expel(publicKey, withDetail(CLOSE_REASONS.notAllowed, reason));
  }

  /** Forgets sessions that were not resumed in time, and looks for connections without a sign of life. */
  sweep(): void {
    const nowMs = this.clock.nowMs();
    for (const session of this.sessionsByKey.values()) {
      const isOver = session.lostAtMs !== null && nowMs - session.lostAtMs > this.config.resumeSeconds * 1_000;
      if (isOver) this.forget(session);
    }
    if (nowMs - this.lastProbeMs < this.config.heartbeatSeconds * 1_000) return;
    this.lastProbeMs = nowMs;
    for (const connection of this.connections) connection.probe();
  }

  /** Closes every connection. */
  stop(): void {
    for (const connection of this.connections) connection.close(CLOSE_REASONS.goingAway);
  }

  private bind(session: Session, nodeId: string | null): void {
    const before = session.nodeId;
    if (before !== null) this.sessionsByNode.delete(before);
    session.nodeId = nodeId;
    if (nodeId !== null) this.sessionsByNode.set(nodeId, session);
    for (const changed of new Set([before, nodeId])) if (changed !== null) this.observer?.connectionChanged(changed);
  }

  /** Numbers an event and sends it. False when the node has neither a connection nor one that may be resumed. */
  notify(nodeId: string, draft: EventDraft): boolean {
    const session = this.sessionsByNode.get(nodeId);
    if (session === undefined) return false;
    const event = session.log.append(draft);
    void session.connection?.send(event);
    return true;
  }

  private async authenticate(
    connection: NodeConnection,
    message: MessageOf<NodeMessage, 'authenticate'>,
    nonce: string,
  ): Promise<Session | ParticipantConnection | null> {
    const proof = { publicKey: message.public_key, signature: message.signature };
    if (!provesKey(proof, nonce, this.coordinatorId)) {
      connection.close(withDetail(CLOSE_REASONS.notAuthenticated, 'the signature does not fit'));
      return null;
    }
    try {
      const publicKey = normalizePublicKey(message.public_key);
      const allowed = await this.letIn(publicKey, message.invitation);
      if (!allowed.ok) {
        // In words first: a close frame has no room for what to do about it.
        void connection.send({ type: 'reply', call_id: 1, ok: false, error: { ...allowed.error } });
        connection.close(withDetail(CLOSE_REASONS.notAllowed, allowed.error.message));
        return null;
      }
      if (message.purpose === 'participant') return this.welcomeParticipant(connection, publicKey);
      const node = await this.nodes.findByKey(publicKey);
      const isKnown = node !== undefined && node.status !== 'deregistered';
      const view = isKnown ? await this.nodes.view(node) : null;
      connection.accept();
      if (!connection.isAuthenticated) return null;
      const previous = this.sessionsByKey.get(publicKey) ?? null;
      const missed = this.missedEvents(previous, message.resume);
      const session = this.openSession(
        connection,
        publicKey,
        isKnown ? node.id : null,
        missed === null ? null : previous,
      );
      void connection.send({
        type: 'authenticated',
        connection_id: session.connectionId,
        resumed: missed !== null,
        node: view,
      });
      for (const event of missed ?? []) void connection.send(event);
      this.coverage?.greet(connection);
      this.coverageMayHaveChanged();
      return session;
    } catch (thrown) {
      this.logger.error({ err: thrown }, 'a connection could not be authenticated');
      connection.close(CLOSE_REASONS.internal);
      return null;
    }
  }

  /** A participant of group sessions needs no registration, and does not replace the node of the same key. */
  private welcomeParticipant(connection: NodeConnection, publicKey: string): ParticipantConnection | null {
    connection.accept();
    if (!connection.isAuthenticated) return null;
    const participant = this.rooms?.open(publicKey, connection) ?? null;
    if (participant === null) return null;
    void connection.send({
      type: 'authenticated',
      connection_id: this.random.uuid(),
      resumed: false,
      node: null,
    });
    return participant;
  }

  /** A participant's calls count like everybody's; its signals have a budget of their own. */
  private hear(participant: ParticipantConnection, connection: NodeConnection, message: ParticipantMessage): void {
    if ('call_id' in message) {
      const { call_id: callId } = message;
      const taken = this.access.takeCall(participant.publicKey);
      if (!taken.ok) return connection.reply({ type: 'reply', call_id: callId, ok: false, error: { ...taken.error } });
    }
    this.rooms?.receive(participant, message);
  }

  /** Whether a proved key may connect; an invitation it brought is redeemed first. */
  private async letIn(publicKey: string, invitation: string | undefined): Promise<CoordinatorResult<void>> {
    const principal = await this.access.welcome(publicKey, invitation);
    return principal.ok ? this.access.admit(principal.value, { who: 'member' }) : principal;
  }

  private missedEvents(
    previous: Session | null,
    resume: MessageOf<NodeMessage, 'authenticate'>['resume'],
  ): readonly CoordinatorMessage[] | null {
    if (previous === null || resume === undefined || resume.connection_id !== previous.connectionId) return null;
    return previous.log.after(resume.last_event);
  }

  /** Continues `resumed`, or begins a session; either way an older connection of the key is closed. */
  private openSession(
    connection: NodeConnection,
    publicKey: string,
    nodeId: string | null,
    resumed: Session | null,
  ): Session {
    const previous = this.sessionsByKey.get(publicKey);
    previous?.connection?.close(CLOSE_REASONS.replaced);
    if (resumed !== null) {
      this.sessionsByKey.set(publicKey, resumed);
      resumed.connection = connection;
      resumed.connectedAtMs = this.clock.nowMs();
      resumed.lifetime = new AbortController();
      resumed.lostAtMs = null;
      if (resumed.nodeId !== null) {
        this.registry.heartbeat(resumed.nodeId);
        this.observer?.connectionChanged(resumed.nodeId);
      }
      return resumed;
    }
    if (previous !== undefined) this.forget(previous);
    const session: Session = {
      connectionId: this.random.uuid(),
      publicKey,
      log: new EventLog(WIRE_LIMITS.maxReplayedEvents),
      nodeId: null,
      connection,
      connectedAtMs: this.clock.nowMs(),
      lifetime: new AbortController(),
      lostAtMs: null,
    };
    this.sessionsByKey.set(publicKey, session);
    this.bind(session, nodeId);
    return session;
  }

  /** The connection is gone: its shards are offline at once, its pipelines fail, its own requests end. */
  private lose(session: Session): void {
    session.connection = null;
    session.lostAtMs = this.clock.nowMs();
    session.lifetime.abort();
    if (session.nodeId === null) this.sessionsByKey.delete(session.publicKey);
    else {
      this.observer?.connectionChanged(session.nodeId);
      this.router.nodeLost(session.nodeId);
    }
    this.coverageMayHaveChanged();
  }

  /** Ends a session for good. Shards that only this connection could reach are unknown from now on. */
  private forget(session: Session): void {
    if (this.sessionsByKey.get(session.publicKey) === session) this.sessionsByKey.delete(session.publicKey);
    const { nodeId } = session;
    if (nodeId === null) return;
    this.bind(session, null);
    for (const shard of this.registry.shardsOfNode(nodeId)) {
      const onlyRelay = shard.transports.every(
        ({ transport }) => transport === 'ws-relay' || transport === LAYERS_TRANSPORT,
      );
      if (onlyRelay) this.registry.remove(nodeId, shard.modelId);
    }
    this.coverageMayHaveChanged();
  }

  private report(session: Session, connection: NodeConnection, report: PipelineReport): void {
    const kinds = {
      'pipeline-opened': 'opened',
      'pipeline-token': 'token',
      'pipeline-progress': 'progress',
      'pipeline-unlinked': 'unlinked',
      'pipeline-failed': 'failed',
    } as const;
    this.route(session, connection, report.request_id, { kind: kinds[report.type], message: report } as RelayEvent);
  }

  private route(session: Session, connection: NodeConnection, pipelineId: string, event: RelayEvent): void {
    const routed = session.nodeId === null ? 'foreign' : this.router.route(session.nodeId, pipelineId, event);
    if (routed === 'foreign') {
      connection.close(withDetail(CLOSE_REASONS.badMessage, 'this node has no part in that request'));
    }
  }

  /** Calls of one session are answered in the order they came, except those that take long. */
  private enqueue(session: Session, connection: NodeConnection, call: NodeCall): void {
    const { signal } = session.lifetime;
    const answer = (): Promise<void> => this.answer(session, connection, call, signal);
    const tail = this.tails.get(session) ?? Promise.resolve();
    if (isLongCall(call)) void tail.then(answer);
    else this.tails.set(session, tail.then(answer));
  }

  private async answer(
    session: Session,
    connection: NodeConnection,
    call: NodeCall,
    signal: AbortSignal,
  ): Promise<void> {
    const taken = this.access.takeCall(session.publicKey);
    const result = taken.ok ? await this.answerSafely(this.callerOf(session, connection, signal), call) : taken;
    connection.reply(
      result.ok
        ? { type: 'reply', call_id: call.call_id, ok: true, value: result.value }
        : { type: 'reply', call_id: call.call_id, ok: false, error: { ...result.error } },
    );
  }

  private async answerSafely(caller: Caller, call: NodeCall): Promise<CoordinatorResult<unknown>> {
    try {
      if (this.calls === null) throw new Error('the hub answers calls only after its services are there');
      return await this.calls.answer(caller, call);
    } catch (thrown) {
      if (thrown instanceof StorageError) return { ok: false, error: thrown.failure };
      this.logger.error({ err: thrown, call: call.type }, 'a call failed');
      const error = {
        code: 'coordinator-internal',
        message: 'The coordinator made an error.',
        retryable: true,
      } as const;
      return { ok: false, error };
    }
  }

  private callerOf(session: Session, connection: NodeConnection, signal: AbortSignal): Caller {
    const bind = (nodeId: string | null): void => {
      // A call that ends late must not take the node away from the session that came after.
      if (this.sessionsByKey.get(session.publicKey) === session) this.bind(session, nodeId);
    };
    return {
      publicKey: session.publicKey,
      get nodeId() {
        return session.nodeId;
      },
      set nodeId(nodeId: string | null) {
        bind(nodeId);
      },
      signal,
      generateListener: (requestId) => messagesOf(requestId, connection),
      shardRegistered: () => {
        if (session.nodeId !== null) this.onShardRegistered(session.nodeId);
        connection.measure();
      },
    };
  }
}
