import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine, EngineErrorCode, ShardHandle } from '../../inference';
import { repeatWork, runProof } from '../../inference/proof/run-proof';
import type { FingerprintRow, ProofPrecision } from '../../protocol/compute/activation-fingerprint';
import type { LayerRange } from '../../protocol/compute/model';
import type { Result } from '../../protocol/result';
import { Turnstile } from '../turnstile';
import type { Logger } from '../logger';
import type { KnownModel } from '../models/model-catalogue';
import { repeatedSteps, type SampledWork } from './work-sample';

/** Weights and scratch memory of the one shard the coordinator holds for its own checks. */
const MEMORY_BUDGET_BYTES = 4 * 1024 ** 3;

/** Runs proofs for whoever judges them. */
export interface ReferenceRuns {
  /** Whether this coordinator has the model's files. */
  canRun(model: KnownModel): boolean;
  /** The coordinator's own fingerprint of a proof, or null when it could not be run. */
  run(
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
    seed: string,
  ): Promise<readonly FingerprintRow[] | null>;
  /** What comes out where real work is done again, for its compared steps; null when it could not be run. */
  repeat(
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
    work: SampledWork,
  ): Promise<readonly FingerprintRow[] | null>;
  /** Frees what the runs hold. */
  close(): Promise<void>;
}

type Rows = Result<readonly FingerprintRow[], EngineErrorCode>;

/** A coordinator that has no models, or was not allowed to run them. */
export const NO_OWN_RUNS: ReferenceRuns = {
  canRun: () => false,
  run: () => Promise.resolve(null),
  repeat: () => Promise.resolve(null),
  close: () => Promise.resolve(),
};

/** The engine in this process; loaded with its native library only when it is needed. */
export async function startOwnEngine(): Promise<Engine> {
  const { LocalEngine } = await import('../../inference/engine/local-engine');
  return new LocalEngine();
}

interface Held {
  readonly key: string;
  readonly shard: ShardHandle;
}

/**
 * The coordinator's own runs, one at a time, of models whose folders the operator named. The engine starts with the
 * first one and holds one shard. Passes block this process while they run, so it is off unless the operator asks for it.
 */
export class OwnRuns implements ReferenceRuns {
  private readonly turns = new Turnstile();
  private engine: Engine | null = null;
  private cacheFolder: string | null = null;
  private held: Held | null = null;

  constructor(
    private readonly startEngine: () => Promise<Engine>,
    private readonly logger: Logger,
  ) {}

  canRun(model: KnownModel): boolean {
    return model.folder !== undefined;
  }

  run(
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
    seed: string,
  ): Promise<readonly FingerprintRow[] | null> {
    return this.onShard(model, range, precision, (engine, shard) => runProof(engine, shard, model.manifest, seed));
  }

  repeat(
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
    work: SampledWork,
  ): Promise<readonly FingerprintRow[] | null> {
    return this.onShard(model, range, precision, (engine, shard) =>
      repeatWork(engine, shard, repeatedSteps(work), work.compared),
    );
  }

  private onShard(
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
    work: (engine: Engine, shard: ShardHandle) => Promise<Rows>,
  ): Promise<readonly FingerprintRow[] | null> {
    return this.turns.run(async () => {
      const { folder } = model;
      if (folder === undefined) return null;
      this.engine ??= await this.startEngine();
      const shard = await this.load(this.engine, folder, model, range, precision);
      if (shard === null) return null;
      const rows = await work(this.engine, shard);
      if (rows.ok) return rows.value;
      this.logger.warn({ code: rows.error.code }, 'an own check could not be run');
      return null;
    });
  }

  async close(): Promise<void> {
    await this.turns.run(async () => {
      await this.engine?.close();
      if (this.cacheFolder !== null) await rm(this.cacheFolder, { recursive: true, force: true });
      this.engine = null;
      this.held = null;
      this.cacheFolder = null;
    });
  }

  private async load(
    engine: Engine,
    folder: string,
    model: KnownModel,
    range: LayerRange,
    precision: ProofPrecision,
  ): Promise<ShardHandle | null> {
    const key = [model.manifestHash, range.layer_start, range.layer_end, precision].join(' ');
    if (this.held?.key === key) return this.held.shard;
    if (this.held !== null) await engine.unloadShard(this.held.shard.shardKey);
    this.held = null;
    this.cacheFolder ??= await mkdtemp(join(tmpdir(), 'tore-own-checks-'));
    const loaded = await engine.loadShard({
      folder,
      range,
      cacheFolder: this.cacheFolder,
      memoryBudgetBytes: MEMORY_BUDGET_BYTES,
      precision,
    });
    if (!loaded.ok) {
      this.logger.warn({ code: loaded.error.code }, 'a shard for own checks could not be loaded');
      return null;
    }
    this.held = { key, shard: loaded.value };
    return loaded.value;
  }
}
