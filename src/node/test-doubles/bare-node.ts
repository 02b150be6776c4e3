import { generateKeyPairSync, sign } from 'node:crypto';
import type { Engine, ShardPrecision } from '../../inference';
import type { LayerRange } from '../../protocol/compute/model';
import { systemClock } from '../clock';
import { connectToCoordinator } from '../coordinator-client/connect';
import type { CoordinatorConnection, CoordinatorEvent } from '../coordinator-client/coordinator-client';
import type { NodeIdentity } from '../identity/node-identity';
import { DirectDoor } from '../direct/direct-door';
import { PipelineJobs } from '../jobs/pipeline-jobs';
import { TrafficMeter } from '../coordinator-client/traffic-meter';
import { silentLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';

function newIdentity(): NodeIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x } = publicKey.export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x ?? '', 'base64url').toString('base64'),
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64'),
  };
}

export interface BareNodeOptions {
  readonly url: string;
  readonly engine: Engine;
  readonly modelFolder: string;
  readonly cacheFolder: string;
  readonly range: LayerRange;
  readonly threads?: number;
  readonly precision?: ShardPrecision;
  /** Called for each message and frame of the coordinator, before it is handled. */
  readonly onEvent?: (event: CoordinatorEvent) => void;
  /** Makes and takes links of its own; activations go over the coordinator alone without it. */
  readonly isDirect?: boolean;
}

/**
 * A node without an app around it: one shard, one connection, no policy. Its engine, jobs and connection are the real
 * ones; it can be cut off at any moment and come back.
 */
export class BareNode {
  readonly identity = newIdentity();
  nodeId = '';
  connection: CoordinatorConnection | null = null;
  jobs: PipelineJobs | null = null;
  /** Frames that came over links of the nodes' own. */
  directFrames = 0;
  private readonly door = new DirectDoor(
    (requestId, bytes) => {
      this.directFrames += 1;
      this.jobs?.handleActivation(bytes, requestId);
    },
    (requestId) => this.jobs?.linkLost(requestId),
    silentLogger,
    new TrafficMeter(systemClock),
  );

  private constructor(
    private readonly options: BareNodeOptions,
    private readonly served: ServedShard,
  ) {}

  get range(): LayerRange {
    return this.options.range;
  }

  /** Loads the shard and connects. */
  static async start(options: BareNodeOptions): Promise<BareNode> {
    const { engine, modelFolder, cacheFolder, range, threads, precision } = options;
    const model = await engine.readModel(modelFolder);
    if (!model.ok) throw new Error(model.error.message);
    const loaded = await engine.loadShard({
      folder: modelFolder,
      range,
      cacheFolder,
      memoryBudgetBytes: 1 << 30,
      threads: threads ?? 1,
      precision: precision ?? 'fp32',
    });
    if (!loaded.ok) throw new Error(loaded.error.message);
    const node = new BareNode(options, {
      handle: loaded.value,
      manifest: model.value.manifest,
      chosenBy: 'user',
      deviceReasons: [],
    });
    await node.connect();
    return node;
  }

  /** Connects, registers node and shard, and takes work. */
  async connect(): Promise<void> {
    const { url, engine, isDirect, onEvent } = this.options;
    const early: CoordinatorEvent[] = [];
    let deliver = (event: CoordinatorEvent): void => void early.push(event);
    const connected = await connectToCoordinator({
      url,
      accessToken: null,
      identity: this.identity,
      clock: systemClock,
      logger: silentLogger,
      resume: null,
      storedNodeId: null,
      onEvent: (event) => deliver(event),
    });
    if (!connected.ok) throw new Error(connected.error.message);
    const connection = connected.value;
    const registered = await connection.registerNode({
      public_key: this.identity.publicKey,
      hardware_profile: {
        cpu_model: 'Test CPU',
        cpu_cores: 2,
        ram_gb: 8,
        matmul_score: 0.4,
        memory_score: 0.4,
        latency_score: 0.4,
        fingerprint: this.identity.publicKey,
      },
    });
    if (!registered.ok) throw new Error(registered.error.message);
    this.nodeId = registered.value.nodeId;
    const jobs: PipelineJobs = new PipelineJobs(
      engine,
      this.served,
      connection,
      {
        onActiveChanged: () => undefined,
        onStep: () => undefined,
        onServed: () => undefined,
        onFailed: () => undefined,
      },
      silentLogger,
      isDirect === true ? this.door : null,
    );
    this.jobs = jobs;
    this.connection = connection;
    deliver = (event) => {
      onEvent?.(event);
      if (event.kind === 'pipeline') jobs.handle(event.message);
      else if (event.kind === 'activation') jobs.handleActivation(event.bytes);
    };
    for (const event of early) deliver(event);
    const door = isDirect === true ? await this.openDoor() : null;
    const relay = { transport: 'ws-relay', version: '1', priority: 10 };
    const offered = await connection.registerShard({
      shard: {
        node_id: this.nodeId,
        model_id: this.served.manifest.model_id,
        layer_start: this.options.range.layer_start,
        layer_end: this.options.range.layer_end,
        ...(door === null
          ? { transports: [relay] }
          : {
              host: door.host,
              transports: [relay, { transport: 'ws-direct', version: '1', port: door.port, priority: 5 }],
            }),
      },
      manifestHash: this.served.handle.manifestHash,
      manifest: this.served.manifest,
    });
    if (!offered.ok) throw new Error(offered.error.message);
  }

  /** Other nodes cannot reach it any more; the connection to the coordinator stays. */
  async closeDoor(): Promise<void> {
    await this.door.close();
  }

  private async openDoor(): Promise<{ host: string; port: number }> {
    const opened = await this.door.open({ host: '127.0.0.1', port: 0, announcedHost: null });
    if (!opened.ok) throw new Error(opened.error.message);
    return opened.value;
  }

  /** Cuts the node off as a power failure would: nothing is said, nothing is kept. */
  kill(): void {
    void this.door.close();
    this.connection?.close();
    this.jobs?.closeAll(null);
    this.connection = null;
    this.jobs = null;
  }
}
