import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { ShardHandle } from '../../inference';
import { LocalEngine } from '../../inference/engine/local-engine';
import { expectValue, layers, TORE_TINY } from '../../inference/testdata/tore-tiny';
import { loadManifestFromFolder } from '../models/load-manifest';
import type { CoordinatorOptions } from '../config';
import { serveLayers, type BeforeStep } from './layers-node';
import { startTestCoordinator } from './start-coordinator';
import { WsNode } from './ws-node';

type Json = Record<string, unknown>;

/** Options of a coordinator that knows the shipped model. */
export const TINY: Partial<CoordinatorOptions> = { modelFolders: [TORE_TINY], replacementWaitSeconds: 20 };
export const TINY_SURROUNDINGS = { loadManifest: loadManifestFromFolder };

/** What a request answered. */
export interface Answer {
  readonly reply: Json;
  readonly tokens: readonly number[];
}

/** One real engine with shards of the shipped model, and nodes that serve them. */
export class TinyShards {
  readonly nodes: WsNode[] = [];
  private readonly engine = new LocalEngine();
  private readonly shards = new Map<string, Promise<ShardHandle>>();
  modelId = '';
  manifestHash = '';

  private constructor(private readonly cacheFolder: string) {}

  static async start(): Promise<TinyShards> {
    const tiny = new TinyShards(await mkdtemp(join(tmpdir(), 'tore-both-')));
    const model = expectValue(await tiny.engine.readModel(TORE_TINY));
    tiny.manifestHash = model.manifestHash;
    tiny.modelId = model.manifest.model_id;
    return tiny;
  }

  async stop(): Promise<void> {
    this.dropNodes();
    await this.engine.close();
    await rm(this.cacheFolder, { recursive: true, force: true });
  }

  dropNodes(): void {
    for (const node of this.nodes.splice(0)) node.drop();
  }

  /** A node that holds these layers. */
  async serve(url: string, [first, last]: readonly [number, number], before?: BeforeStep): Promise<WsNode> {
    const node = await this.user(url);
    const transports = [{ transport: 'ws-relay', version: '1', priority: 1 }];
    const range = { layer_start: first, layer_end: last };
    const shard = { node_id: node.nodeId, model_id: this.modelId, ...range, transports };
    const reply = await node.call({ type: 'register-shard', shard, manifest_hash: this.manifestHash });
    if (reply['ok'] !== true) throw new Error(JSON.stringify(reply));
    serveLayers(node, this.engine, await this.shard(first, last), before);
    return node;
  }

  async user(url: string): Promise<WsNode> {
    const node = await WsNode.connect(url);
    this.nodes.push(node);
    await node.register();
    return node;
  }

  /** Asks, and waits for the end. */
  async ask(user: WsNode, more: Json = {}): Promise<Answer> {
    const requestId = randomUUID();
    const reply = await user.call({
      type: 'generate',
      request_id: requestId,
      model_id: this.modelId,
      prompt: 'Once upon a time there was a small boat',
      max_new_tokens: 12,
      sampling: { temperature: 0.9, top_k: 40, top_p: 0.95, seed: 7 },
      precision: 'fp32',
      ...more,
    });
    const tokens = user.messages
      .filter((message) => message['type'] === 'generate-token' && message['request_id'] === requestId)
      .map((message) => Number(message['token_id']));
    return { reply, tokens };
  }

  /** The tokens of one node that has all layers, at a coordinator without peers. */
  async undisturbed(more: Json = {}): Promise<readonly number[]> {
    const alone = await startTestCoordinator(TINY, TINY_SURROUNDINGS);
    const node = await this.serve(alone.url, [0, 7]);
    const { reply, tokens } = await this.ask(await this.user(alone.url), more);
    if (reply['ok'] !== true) throw new Error(JSON.stringify(reply));
    node.drop();
    await alone.coordinator.stop();
    return tokens;
  }

  private shard(first: number, last: number): Promise<ShardHandle> {
    const key = `${first} ${last}`;
    const { cacheFolder } = this;
    const range = layers(first, last);
    const made =
      this.shards.get(key) ??
      this.engine
        .loadShard({ folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1e9, threads: 1 })
        .then((result) => expectValue(result));
    this.shards.set(key, made);
    return made;
  }
}
