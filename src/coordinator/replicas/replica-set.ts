import type { TaskView } from '../../protocol/compute/http/tasks';
import type { Clock, Random } from '../clock';
import type { GridStates } from '../grid/grid-states';
import type { Hub } from '../hub/hub';
import type { Logger } from '../logger';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Standings } from '../nodes/standings';
import type { BalanceChange, NodeNotifications, StandingChange } from '../notifications';
import type { AnswerDesk } from '../pipeline/answer-desk';
import type { NodeLink, NodeLinks, RelayRouter } from '../pipeline/relay-router';
import type { RegisteredShard, ShardChange, ShardRegistry } from '../scheduling/shard-registry';
import type { SessionRooms } from '../sessions/session-rooms';
import type { RoomLine } from '../sessions/shared-rooms';
import { GuestPipelines } from './guest-pipelines';
import { Presence } from './presence';
import type { ReplicaBus } from './replica-bus';
import { ReplicaChannel } from './replica-channel';
import { SharedAnswers } from './shared-answers';
import type { KeyMessage, Notice, ReplicaMessage, SharedShard } from './replica-message';

const BEAT_MS = 2_000;
/** Silence after which a replica counts as dead: three beats, so that one lost or late beat changes nothing. */
const DEAD_AFTER_MS = 3 * BEAT_MS + 500;
/** Changes are collected this long before they are told. */
const COLLECT_MS = 50;
/** How long such news may be on its way. */
const NEWS_UNDER_WAY_MS = 500;

/** The rooms of group sessions, as far as other replicas concern them. */
export type ReplicaRooms = Pick<SessionRooms, 'takeFromReplica' | 'replicaGone' | 'replicaCame'>;

/** What the replicas share, and how this one takes part in it. */
export interface ReplicaParts {
  readonly hub: Hub;
  readonly router: RelayRouter;
  readonly registry: ShardRegistry;
  readonly catalogue: ModelCatalogue;
  readonly grid: GridStates;
  readonly standings: Standings;
}

/**
 * One coordinator of several processes: they share a database, and over a bus who is connected where, who holds which
 * shard, and everything pipelines and news need to reach nodes of another replica. Each node has one connection, to one
 * replica; every replica can drive a pipeline over all of them.
 *
 * A replica that falls silent is dead to the others: its nodes are lost, as after a broken connection, until they come
 * back to another replica, and pipelines it drove are closed at their nodes.
 */
export class ReplicaSet implements NodeLinks, NodeNotifications {
  private readonly channel: ReplicaChannel;
  private readonly presence = new Presence((nodeId) => this.onNode(nodeId));
  private onNode: (nodeId: string) => void = () => undefined;
  private readonly guests: GuestPipelines;
  private readonly announced = new Set<string>();
  private rooms: ReplicaRooms | null = null;
  private answers: SharedAnswers | null = null;
  private revision = 0;
  private pending: {
    put: Map<string, SharedShard>;
    removed: ShardChange[];
    alive: Set<string>;
    standings: Set<string>;
  } = this.nothing();
  private collecting: NodeJS.Timeout | null = null;
  /** Nodes both replicas claim, to be asked again. */
  private readonly doubts = new Set<NodeJS.Timeout>();
  private beating: NodeJS.Timeout | null = null;
  private refreshing: Promise<void> | null = null;
  private readonly askedAtMs = new Map<string, number>();

  constructor(
    private readonly bus: ReplicaBus,
    coordinatorId: string,
    replicaId: string,
    private readonly parts: ReplicaParts,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {
    this.channel = new ReplicaChannel(
      bus,
      coordinatorId,
      replicaId,
      (from, message, payload) => this.take(from, message, payload),
      logger,
    );
    this.guests = new GuestPipelines(parts.hub, parts.router, this.channel);
    parts.registry.watchChanges((change) => this.noteShards(change));
    parts.standings.watchChanges((nodeId) => {
      this.pending.standings.add(nodeId);
      this.collect();
    });
  }

  /** How the rooms of group sessions here reach those at the other replicas. */
  readonly roomLine: RoomLine = { tell: (news) => this.channel.tellAll({ kind: 'room', news }) };

  /** Who takes what the other replicas say of group sessions. */
  connectRooms(rooms: ReplicaRooms): void {
    this.rooms = rooms;
  }

  /** Whose answers go on for requesters that come back to another replica. */
  connectAnswers(desk: AnswerDesk): void {
    this.answers = new SharedAnswers(desk, this.channel, () => this.presence.others(), this.random);
    desk.askElsewhere(this.answers);
  }

  start(): void {
    this.channel.open();
    this.bus.onReturn(() => this.channel.tellAll({ kind: 'hello' }));
    this.channel.tellAll({ kind: 'hello' });
    this.beating = setInterval(() => this.beat(), BEAT_MS);
  }

  /** Says goodbye; the bus stays open. */
  stop(): void {
    if (this.beating !== null) clearInterval(this.beating);
    for (const timer of this.doubts) clearTimeout(timer);
    if (this.collecting !== null) clearTimeout(this.collecting);
    this.channel.tellAll({ kind: 'bye' });
    this.channel.close();
  }

  isConnected(nodeId: string): boolean {
    return this.parts.hub.isConnected(nodeId) || this.presence.replicaOf(nodeId) !== null;
  }

  linkTo(nodeId: string): NodeLink | null {
    const local = this.parts.hub.linkTo(nodeId);
    if (local !== null) return local;
    const replicaId = this.presence.replicaOf(nodeId);
    if (replicaId === null) return null;
    return {
      send: (message) => this.channel.ask(replicaId, { kind: 'command', nodeId, message }),
      sendFrame: (bytes) => this.channel.ask(replicaId, { kind: 'frame', nodeId }, bytes),
    };
  }

  task(nodeId: string, task: TaskView): boolean {
    return this.notify(nodeId, { method: 'task', value: task });
  }

  balance(nodeId: string, change: BalanceChange): void {
    this.notify(nodeId, { method: 'balance', value: change });
  }

  standing(nodeId: string, change: StandingChange): void {
    this.notify(nodeId, { method: 'standing', value: change });
  }

  notice(nodeId: string, text: string): void {
    this.notify(nodeId, { method: 'notice', value: text });
  }

  coverageMayHaveChanged(): void {
    this.parts.hub.coverageMayHaveChanged();
  }

  /** Told of every node whose connection to another replica changed. */
  watchNodes(onNode: (nodeId: string) => void): void {
    this.onNode = onNode;
  }

  /** Connections here came or went. */
  connectionsChanged(): void {
    this.collect();
  }

  tellKey(publicKey: string, message: KeyMessage): void {
    this.parts.hub.tellKey(publicKey, message);
    this.channel.tellAll({ kind: 'tell-key', publicKey, message });
  }

  /** The grid table in the database was changed here. */
  gridChanged(): void {
    this.channel.tellAll({ kind: 'grid-changed' });
  }

  private notify(nodeId: string, notice: Notice): boolean {
    const replicaId = this.parts.hub.isConnected(nodeId) ? null : this.presence.replicaOf(nodeId);
    if (replicaId === null) return this.notifyHere(nodeId, notice);
    this.channel.tell(replicaId, { kind: 'notice', nodeId, notice });
    return true;
  }

  private notifyHere(nodeId: string, notice: Notice): boolean {
    const { hub } = this.parts;
    switch (notice.method) {
      case 'task':
        return hub.task(nodeId, notice.value);
      case 'balance':
        hub.balance(nodeId, notice.value);
        return true;
      case 'standing':
        hub.standing(nodeId, notice.value);
        return true;
      case 'notice':
        hub.notice(nodeId, notice.value);
        return true;
    }
  }

  private take(from: string, message: ReplicaMessage, payload: Uint8Array): Promise<boolean> | void {
    const nowMs = this.clock.nowMs();
    switch (message.kind) {
      case 'hello':
        return this.greet(from);
      case 'beat':
        return this.catchUp(from, this.presence.beat(from, message.revision, nowMs));
      case 'state': {
        const removed = this.unlisted(from, message);
        this.lose(this.presence.replace(from, message.revision, message.nodes, nowMs));
        const put = message.shards.filter(({ shard }) => this.speaksFor(from, shard.nodeId));
        return this.takeShards(put, removed, []);
      }
      case 'nodes': {
        const { added, removed } = message;
        const beat = this.presence.change(from, message, nowMs);
        for (const nodeId of added) this.yieldTo(from, nodeId);
        this.lose(removed);
        return this.catchUp(from, beat);
      }
      case 'shards':
        return this.takeShards(message.put, message.removed, message.alive);
      case 'standings-changed':
        for (const nodeId of message.nodeIds) this.parts.standings.adoptChange(nodeId);
        return this.parts.hub.coverageMayHaveChanged();
      case 'grid-changed':
        return void this.parts.grid.load().catch((thrown: unknown) => this.warn(thrown));
      case 'room':
        return this.rooms?.takeFromReplica(from, message.news);
      case 'tell-key':
        return this.parts.hub.tellKey(message.publicKey, message.message);
      case 'bye':
        return this.bury(from);
      case 'command':
        return this.guests.command(from, message.nodeId, message.message);
      case 'frame':
        return this.parts.hub.linkTo(message.nodeId)?.sendFrame(payload) ?? Promise.resolve(false);
      case 'event': {
        const { event } = message;
        const whole = event.kind === 'frame' ? { ...event, bytes: payload } : event;
        this.parts.router.route(message.nodeId, message.pipelineId, whole);
        return undefined;
      }
      case 'notice':
        this.notifyHere(message.nodeId, message.notice);
        return undefined;
      case 'answer-wanted':
      case 'answer-cancel':
      case 'answer-kept':
      case 'answer-grew':
      case 'answer-left':
        return this.answers?.take(from, message);
    }
  }

  /** A new or returned replica gets everything, and is asked for everything in turn when it is not known. */
  private greet(replicaId: string): void {
    this.flush();
    this.rooms?.replicaCame();
    const shards = this.parts.registry.all().map((shard) => this.shared(shard));
    this.channel.tell(replicaId, { kind: 'state', revision: this.revision, nodes: [...this.announced], shards });
    if (this.presence.beat(replicaId, -1, this.clock.nowMs()) === 'behind') this.askForState(replicaId);
  }

  private catchUp(replicaId: string, beat: 'known' | 'behind'): void {
    if (beat === 'behind') this.askForState(replicaId);
  }

  /** Asking everybody would be a flood; a hello to one is answered by one. */
  private askForState(replicaId: string): void {
    const now = this.clock.nowMs();
    if (now - (this.askedAtMs.get(replicaId) ?? Number.NEGATIVE_INFINITY) < BEAT_MS / 2) return;
    this.askedAtMs.set(replicaId, now);
    this.channel.tell(replicaId, { kind: 'hello' });
  }

  private beat(): void {
    this.flush();
    this.channel.tellAll({ kind: 'beat', revision: this.revision });
    for (const replicaId of this.presence.silentSince(this.clock.nowMs() - DEAD_AFTER_MS)) {
      this.logger.warn({ replicaId }, 'another replica fell silent; its nodes are lost until they come back');
      this.bury(replicaId);
    }
  }

  private bury(replicaId: string): void {
    this.channel.forget(replicaId);
    this.askedAtMs.delete(replicaId);
    this.guests.driverGone(replicaId);
    this.rooms?.replicaGone(replicaId);
    this.answers?.replicaGone(replicaId);
    this.lose(this.presence.remove(replicaId));
  }

  /** Nodes that are no longer connected to another replica; one that came here meanwhile is not lost. */
  private lose(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) if (!this.isConnected(nodeId)) this.parts.router.nodeLost(nodeId);
    if (nodeIds.length > 0) this.parts.hub.coverageMayHaveChanged();
  }

  /** Whether a replica can know more of a node's shards than we do: the node is there, or nowhere that we know of. */
  private speaksFor(replicaId: string, nodeId: string): boolean {
    return !this.parts.hub.isConnected(nodeId) && (this.presence.replicaOf(nodeId) ?? replicaId) === replicaId;
  }

  /** What we know of a replica's nodes that it does not: it was removed there, and the news was lost. */
  private unlisted(
    from: string,
    { nodes, shards }: Extract<ReplicaMessage, { kind: 'state' }>,
  ): readonly { readonly nodeId: string; readonly modelId: string }[] {
    const listed = new Set(shards.map(({ shard }) => `${shard.nodeId} ${shard.modelId}`));
    return nodes
      .filter((nodeId) => this.speaksFor(from, nodeId))
      .flatMap((nodeId) => this.parts.registry.shardsOfNode(nodeId))
      .filter(({ nodeId, modelId }) => !listed.has(`${nodeId} ${modelId}`));
  }

  private takeShards(
    put: readonly SharedShard[],
    removed: readonly { readonly nodeId: string; readonly modelId: string }[],
    alive: readonly string[],
  ): void {
    const { registry, catalogue, hub } = this.parts;
    const nowMs = this.clock.nowMs();
    // First, because what was removed and put again within one collection is there in the end.
    for (const { nodeId, modelId } of removed) registry.disown(nodeId, modelId);
    for (const { shard, ageMs } of put) {
      registry.adopt({ ...shard, lastHeartbeatMs: nowMs - ageMs });
      const isKnown = catalogue
        .variants(shard.modelId)
        .some((model) => shard.manifestHash === null || model.manifestHash === shard.manifestHash);
      if (!isKnown) void this.refreshModels();
    }
    registry.adoptHeartbeats(alive);
    if (put.length + removed.length > 0) hub.coverageMayHaveChanged();
  }

  /**
   * A node is connected to another replica. One that came here a moment ago may have come from there; it is asked again
   * when that replica must have told that the node has left.
   */
  private yieldTo(replicaId: string, nodeId: string): void {
    if (this.parts.hub.yieldNode(nodeId, NEWS_UNDER_WAY_MS)) return;
    const timer = setTimeout(() => {
      this.doubts.delete(timer);
      if (this.presence.replicaOf(nodeId) === replicaId) this.parts.hub.yieldNode(nodeId, 0);
    }, NEWS_UNDER_WAY_MS);
    this.doubts.add(timer);
  }

  /** Another replica learned of a model; the database has it. */
  private refreshModels(): Promise<void> {
    this.refreshing ??= this.parts.catalogue
      .loadIntroduced()
      .then(() => this.parts.hub.coverageMayHaveChanged())
      .catch((thrown: unknown) => this.warn(thrown))
      .finally(() => {
        this.refreshing = null;
      });
    return this.refreshing;
  }

  private warn(thrown: unknown): void {
    this.logger.warn({ err: thrown }, 'news of another replica could not be taken in');
  }

  private nothing(): typeof this.pending {
    return { put: new Map(), removed: [], alive: new Set(), standings: new Set() };
  }

  private shared(shard: RegisteredShard): SharedShard {
    const { lastHeartbeatMs, ...rest } = shard;
    return { shard: rest, ageMs: Math.max(0, this.clock.nowMs() - lastHeartbeatMs) };
  }

  private noteShards(change: ShardChange): void {
    const key = `${change.nodeId} ${change.modelId}`;
    if (change.kind === 'alive') this.pending.alive.add(change.nodeId);
    else if (change.kind === 'put') this.pending.put.set(key, this.shared(change.shard));
    else {
      this.pending.put.delete(key);
      this.pending.removed.push(change);
    }
    this.collect();
  }

  private collect(): void {
    this.collecting ??= setTimeout(() => this.flush(), COLLECT_MS);
  }

  /** Tells what changed since the last time: connections first, so that a shard is never known before its node. */
  private flush(): void {
    if (this.collecting !== null) clearTimeout(this.collecting);
    this.collecting = null;
    const connected = new Set(this.parts.hub.connectedNodes());
    const added = [...connected].filter((nodeId) => !this.announced.has(nodeId));
    const removed = [...this.announced].filter((nodeId) => !connected.has(nodeId));
    if (added.length + removed.length > 0) {
      for (const nodeId of added) this.announced.add(nodeId);
      for (const nodeId of removed) this.announced.delete(nodeId);
      this.revision += 1;
      this.channel.tellAll({ kind: 'nodes', revision: this.revision, added, removed });
    }
    const { put, removed: gone, alive, standings } = this.pending;
    this.pending = this.nothing();
    if (standings.size > 0) this.channel.tellAll({ kind: 'standings-changed', nodeIds: [...standings] });
    if (put.size + gone.length + alive.size === 0) return;
    this.channel.tellAll({
      kind: 'shards',
      put: [...put.values()],
      removed: gone.map(({ nodeId, modelId }) => ({ nodeId, modelId })),
      alive: [...alive],
    });
  }
}
