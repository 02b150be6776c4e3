import { Doorkeeper } from './access/doorkeeper';
import { AccessService } from './access/access-service';
import { MemberStore } from './access/member-store';
import { SessionStore } from './access/session-store';
import { ChallengeService } from './challenges/challenge-service';
import { ChallengeStore } from './challenges/challenge-store';
import { NO_OWN_RUNS, OwnRuns, startOwnEngine, type ReferenceRuns } from './challenges/own-runs';
import { IndependentHolders } from './challenges/independent-holders';
import { ProofService } from './challenges/proof-service';
import { RepeatedWork } from './challenges/repeated-work';
import { mayCopyWork } from './challenges/work-owner';
import { WorkChecks } from './challenges/work-checks';
import type { Clock, Random } from './clock';
import type { CoordinatorConfig } from './config';
import { Federation } from './federation/federation';
import type { FederationSetup } from './federation/peer-settings';
import { FallbackService } from './fallback/fallback-service';
import { GridRefresh, gridSourceOf } from './grid/grid-refresh';
import { GridStates } from './grid/grid-states';
import { CoverageFeed } from './hub/coverage-feed';
import { Hub } from './hub/hub';
import { NodeCalls } from './hub/node-calls';
import { ExpiryWarnings } from './ledger/expiry-warnings';
import { CheckpointSchedule, LedgerCheckpoints, type KeySource } from './ledger/checkpoints';
import { LedgerStore } from './ledger/ledger-store';
import { LedgerVerifier } from './ledger/ledger-verifier';
import type { Logger } from './logger';
import { Maintenance } from './maintenance';
import { ModelCatalogue } from './models/model-catalogue';
import { NoticeBoard } from './notices/notice-board';
import { NodeOverview } from './nodes/node-overview';
import { NodeService } from './nodes/node-service';
import { NodeStore } from './nodes/node-store';
import { Standings } from './nodes/standings';
import { AnswerDesk } from './pipeline/answer-desk';
import { Cashier } from './pipeline/cashier';
import { GenerateService } from './pipeline/generate-service';
import { NodeFaults } from './pipeline/node-faults';
import { PipelineTeams } from './pipeline/pipeline-team';
import { RelayRouter } from './pipeline/relay-router';
import type { ReplicaBus } from './replicas/replica-bus';
import { ReplicaSet } from './replicas/replica-set';
import { Allocations } from './scheduling/allocations';
import { MoveClaims } from './scheduling/move-claims';
import { MoveDesk } from './scheduling/move-desk';
import { NodePerformance } from './scheduling/node-performance';
import { Scheduler } from './scheduling/scheduler';
import { ShardRegistry } from './scheduling/shard-registry';
import { ShardView } from './scheduling/shard-view';
import { ShardService } from './scheduling/shard-service';
import { readSigningKey } from './service/signing-key';
import { createGroupSessions } from './sessions';
import type { GroupSessionService } from './sessions/group-session-service';
import type { Database } from './storage/database-schema';
import { createTrustServices, type TrustServices } from './trust-services';

/** Everything a coordinator is made of, ready to be asked by its borders. */
export interface CoordinatorServices extends TrustServices {
  readonly config: CoordinatorConfig;
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: AccessService;
  readonly ledger: LedgerStore;
  readonly verifier: LedgerVerifier;
  readonly checkpoints: LedgerCheckpoints;
  readonly nodes: NodeStore;
  readonly nodeService: NodeService;
  readonly nodeOverview: NodeOverview;
  readonly catalogue: ModelCatalogue;
  readonly registry: ShardRegistry;
  readonly shards: ShardService;
  readonly scheduler: Scheduler;
  readonly grid: GridStates;
  readonly gridRefresh: GridRefresh;
  readonly challenges: ChallengeService;
  readonly ownRuns: ReferenceRuns;
  readonly workChecks: WorkChecks;
  readonly cashier: Cashier;
  readonly fallback: FallbackService;
  readonly generation: GenerateService;
  readonly desk: AnswerDesk;
  readonly notices: NoticeBoard;
  readonly hub: Hub;
  readonly coverage: CoverageFeed;
  /** Null for a coordinator of one process. */
  readonly replicas: ReplicaSet | null;
  readonly coordinatorId: string;
  readonly doorkeeper: Doorkeeper;
  /** Null without configured peers. */
  readonly federation: Federation | null;
  readonly groupSessions: GroupSessionService;
  readonly maintenance: Maintenance;
}

/** Puts the services together; nothing runs yet. */
export function createServices(
  config: CoordinatorConfig,
  coordinatorId: string,
  database: Database,
  surroundings: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    /** Connects the replicas, when there are several. */
    readonly bus?: ReplicaBus | null;
    /** Links with other coordinators, when there are any. */
    readonly federation?: FederationSetup | null;
    /** The key that signs checkpoints of the ledger; without it none are signed. */
    readonly signingKey?: KeySource | null;
  },
): CoordinatorServices {
  const { clock, random, logger } = surroundings;
  const ledger = new LedgerStore(database, clock, random);
  const verifier = new LedgerVerifier(database, ledger, clock);
  const signingKey = surroundings.signingKey ?? null;
  const checkpoints = new LedgerCheckpoints(
    database,
    ledger,
    coordinatorId,
    signingKey ?? (() => readSigningKey(null)),
    clock,
    random,
  );
  const signs = config.tokenEconomy && signingKey !== null;
  const schedule = new CheckpointSchedule(checkpoints, signs ? config.checkpointEverySeconds * 1_000 : 0, logger);
  const standings = new Standings(database);
  const nodes = new NodeStore(database, ledger, clock, standings);
  const access = new AccessService(
    config,
    coordinatorId,
    new MemberStore(database, clock, random),
    new SessionStore(database, clock, random),
    nodes,
    clock,
  );
  const registry = new ShardRegistry(config.shardOfflineAfterSeconds * 1_000, clock);
  const router = new RelayRouter();
  const hub = new Hub(coordinatorId, config, access, nodes, registry, router, clock, random, logger, (nodeId) =>
    maintenance.scheduleFirstChallenge(nodeId),
  );
  const catalogue = new ModelCatalogue(database, config, clock);
  catalogue.watchHolders(({ manifest, manifestHash }) =>
    registry.shardsOfModel(manifest.model_id).some((shard) => (shard.manifestHash ?? manifestHash) === manifestHash),
  );
  const grid = new GridStates(database, clock);
  const parts = { hub, router, registry, catalogue, grid, standings };
  const replicas =
    surroundings.bus === undefined || surroundings.bus === null
      ? null
      : new ReplicaSet(surroundings.bus, coordinatorId, random.uuid(), parts, clock, random, logger);
  /** Every node of the coordinator, whichever replica it is connected to. */
  const reach = replicas ?? hub;
  registry.watchConnections((nodeId) => reach.isConnected(nodeId));
  const nodeService = new NodeService(database, nodes, ledger, reach, config, clock, random);
  const nodeOverview = new NodeOverview(database, registry, (nodeId) => reach.isConnected(nodeId), clock);
  const performance = new NodePerformance();
  const allocations = new Allocations();
  const view = new ShardView({ catalogue, registry, standings, performance, allocations, grid, clock });
  const notices = new NoticeBoard(database, hub, clock, random);
  hub.watchNodes({
    roundTrip: (nodeId, elapsedMs) => performance.noteRoundTrip(nodeId, elapsedMs),
    connectionChanged: (nodeId) => {
      view.touch(nodeId);
      replicas?.connectionsChanged();
      // After the words the connection begins with.
      if (hub.isConnected(nodeId)) queueMicrotask(() => notices.greet(nodeId));
    },
  });
  replicas?.watchNodes((nodeId) => view.touch(nodeId));
  const scheduler = new Scheduler(catalogue, view, allocations);
  const shards = new ShardService(registry, catalogue, nodes, reach, config, random);
  const challengeStore = new ChallengeStore(database, clock, standings);
  const ownRuns = config.ownChecks ? new OwnRuns(startOwnEngine, logger) : NO_OWN_RUNS;
  const holders = new IndependentHolders(nodes, registry, random);
  const proofs = new ProofService(challengeStore, holders, registry, catalogue, ownRuns, config, clock, random, logger);
  const challenges = new ChallengeService(
    challengeStore,
    nodes,
    registry,
    catalogue,
    reach,
    proofs,
    config,
    clock,
    random,
  );
  const warnings = new ExpiryWarnings(database, reach, clock);
  const cashier = new Cashier(database, ledger, reach, config, clock);
  const trust = createTrustServices(database, coordinatorId, config, clock, reach);
  const workChecks = new WorkChecks(
    {
      registry,
      holders,
      runs: ownRuns,
      repeated: new RepeatedWork(reach, router, allocations, random),
      mayCopy: mayCopyWork(database, nodes, trust.agreements),
      found: (finding) => challenges.recordWorkCheck(finding),
    },
    config.workCheckRate,
    clock,
    random,
    logger,
  );
  const teams = new PipelineTeams(config, scheduler, performance, reach, router, random);
  const faults = new NodeFaults(challenges, logger);
  const generation = new GenerateService(
    config,
    nodes,
    scheduler,
    cashier,
    challenges,
    workChecks,
    teams,
    faults,
    clock,
    random,
    logger,
  );
  const fallback = new FallbackService(config, nodes, cashier, clock, logger);
  generation.fallBackTo(fallback);
  const desk = new AnswerDesk(generation, config.requesterGraceSeconds * 1_000, logger);
  replicas?.connectAnswers(desk);
  const coverage = new CoverageFeed(
    catalogue,
    scheduler,
    (message) => {
      hub.broadcast(message);
      federation?.coverageChanged();
    },
    logger,
  );
  const {
    rooms,
    sessions: groupSessions,
    peerSessions,
  } = createGroupSessions(database, coordinatorId, surroundings, replicas?.roomLine);
  access.guardBalances((publicKey) => groupSessions.isParticipant(publicKey));
  replicas?.connectRooms(rooms);
  const moves = new MoveDesk(
    {
      catalogue,
      registry,
      scheduler,
      connectedNodes: () => hub.connectedNodes(),
      tell: (nodeId, draft) => hub.notify(nodeId, draft),
    },
    new MoveClaims(database, clock),
    config,
    clock,
    random,
  );
  const calls = new NodeCalls(access, nodeService, nodes, shards, registry, challenges, desk, moves);
  hub.connectServices(calls, coverage, rooms);
  access.addSource(trust.agreements);
  const doorkeeper = new Doorkeeper(access, hub);
  const federation =
    surroundings.federation === undefined || surroundings.federation === null
      ? null
      : new Federation(surroundings.federation, {
          name: config.name,
          database,
          catalogue,
          scheduler,
          shards: view,
          teams,
          faults,
          discovery: trust.discovery,
          cashier,
          generation,
          maxRequests: config.maxRequests,
          sessions: {
            coordinatorId,
            sessions: peerSessions,
            rooms,
            // Where only members come in, whoever has come in is of this side.
            isMember: async (publicKey, agreementId) =>
              config.accessPolicy !== 'open' || (await peerSessions.isMemberKey(agreementId, publicKey)),
            isBlocked: (publicKey) => access.members.isBlocked(publicKey),
          },
          clock,
          random,
          logger,
        });
  if (federation !== null) {
    generation.askElsewhere(federation.elsewhere);
    generation.reachAcross(federation.hops.find);
  }
  const gridSource = gridSourceOf(config, () => clock.nowMs());
  const gridRefresh = new GridRefresh(gridSource, config, grid, logger, () => replicas?.gridChanged());
  const maintenance: Maintenance = new Maintenance(
    config,
    hub,
    doorkeeper,
    registry,
    challenges,
    challengeStore,
    verifier,
    clock,
    logger,
    [
      (nowMs) => schedule.tick(nowMs),
      (nowMs) => (config.tokenEconomy ? warnings.tell(nowMs) : Promise.resolve()),
      () => standings.refreshSome((nodeId) => registry.holdsAny(nodeId)),
      (nowMs) => Promise.resolve(gridRefresh.tick(nowMs)),
      () => notices.refresh(),
      (nowMs) => moves.tick(nowMs),
    ],
    [
      ...[trust.discovery, trust.relay, trust.partyKeys].map((part) => (nowMs: number) => part.prune(nowMs)),
      (nowMs: number) => notices.prune(nowMs),
      () => access.sessions.sweep(),
      (nowMs: number) => cashier.expireDue(nowMs),
      (nowMs: number) => (config.tokenEconomy ? warnings.look(nowMs) : Promise.resolve()),
      () => Promise.resolve(performance.prune((nodeId) => registry.holdsAny(nodeId))),
    ],
    () => federation?.sweep(),
  );
  return {
    config,
    database,
    clock,
    random,
    logger,
    access,
    ledger,
    verifier,
    checkpoints,
    nodes,
    nodeService,
    nodeOverview,
    catalogue,
    registry,
    shards,
    scheduler,
    grid,
    gridRefresh,
    challenges,
    ownRuns,
    workChecks,
    cashier,
    fallback,
    generation,
    desk,
    notices,
    hub,
    coverage,
    replicas,
    coordinatorId,
    federation,
    ...trust,
    doorkeeper,
    groupSessions,
    maintenance,
  };
}
