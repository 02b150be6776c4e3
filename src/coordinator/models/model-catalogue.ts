import { Compile } from 'typebox/compile';
import { hashManifest } from '../../inference/models/model-folder';
import { ModelManifest } from '../../protocol/compute/model';
import { success } from '../../protocol/result';
import { timestampOf, type Clock } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { ModelFiles } from './model-files';
import type { Database } from '../storage/database-schema';

/** A model known by its manifest. */
export interface KnownModel {
  readonly manifest: ModelManifest;
  readonly manifestHash: string;
  /** `folder` when the operator named it; then it is the only manifest of its id. */
  readonly origin: 'folder' | 'node';
  /** Where the operator keeps its files. */
  readonly folder?: string;
  /** Tokens that end an answer, where the operator's files say so; the manifest does not. */
  readonly endTokenIds?: readonly number[];
}

/** A model folder as the operator named it. */
export interface LoadedManifest extends Omit<KnownModel, 'origin'> {
  /** Its files, where nodes may fetch them from here. */
  readonly files?: ModelFiles;
}

/** Reads the manifest of a model folder; given by the inference room, so that both compute the same hash. */
export type ManifestLoader = (folder: string) => Promise<CoordinatorResult<LoadedManifest>>;

/** Manifests nodes may introduce; bounds what strangers can make the database hold. */
export const MAX_INTRODUCED_MODELS = 1_000;
/** Characters of one of them in JSON: many times what a model with hundreds of weight files and a long template needs. */
export const MAX_INTRODUCED_CHARACTERS = 1_048_576;

const manifestChecker = Compile(ModelManifest);

/** Why a manifest contradicts itself, or null. Prices come from `shape`, so it must agree with the rest. */
export function manifestProblem(manifest: ModelManifest): string | null {
  const { shape } = manifest;
  if (shape.layers !== manifest.total_layers) return 'its shape and its total_layers disagree';
  if (shape.hidden_size !== manifest.hidden_size) return 'its shape and its hidden_size disagree';
  if (shape.vocabulary_size !== manifest.vocab_size) return 'its shape and its vocab_size disagree';
  if (shape.context_length !== manifest.context_length) return 'its shape and its context_length disagree';
  if (manifest.bytes_per_layer.length !== manifest.total_layers) return 'bytes_per_layer has not one value per layer';
  return null;
}

function manifestIdOf(manifest: unknown): string {
  const isNamed = typeof manifest === 'object' && manifest !== null && 'model_id' in manifest;
  return isNamed ? String(manifest.model_id) : '';
}

/** The models of this coordinator, in memory, kept in the database across restarts. */
export class ModelCatalogue {
  private readonly modelsById = new Map<string, KnownModel[]>();
  private readonly filesByHash = new Map<string, ModelFiles>();
  private onNew: () => void = () => undefined;
  private isHeld: (model: KnownModel) => boolean = () => true;

  constructor(
    private readonly database: Database,
    private readonly config: Pick<CoordinatorConfig, 'acceptedModels'>,
    private readonly clock: Clock,
  ) {}

  /** Told when a model becomes known. */
  watch(onNew: () => void): void {
    this.onNew = onNew;
  }

  /** Asked which models somebody holds layers of; others are forgotten where a new one needs their place. */
  watchHolders(isHeld: (model: KnownModel) => boolean): void {
    this.isHeld = isHeld;
  }

  /** Reads what earlier runs knew, then the operator's folders. Fails with `model-invalid`. */
  async load(folders: readonly string[], loadManifest: ManifestLoader): Promise<CoordinatorResult<void>> {
    await this.loadIntroduced();
    for (const folder of folders) {
      const loaded = await loadManifest(folder);
      if (!loaded.ok) {
        return refuse('model-invalid', `The model folder ${folder} cannot be used: ${loaded.error.message}`, {
          suggestion: 'Correct or remove the folder from the settings.',
        });
      }
      const { files, ...known } = loaded.value;
      await this.add({ ...known, origin: 'folder', folder });
      if (files !== undefined) this.filesByHash.set(known.manifestHash, files);
    }
    return success(undefined);
  }

  /** Reads what nodes introduced, in earlier runs or at another replica. */
  async loadIntroduced(): Promise<void> {
    const rows = await this.database
      .selectFrom('models')
      .selectAll()
      .where('origin', '=', 'node')
      .orderBy('known_at')
      .execute();
    for (const row of rows) {
      const manifest: unknown = JSON.parse(row.manifest_json);
      const isVouchedFor = this.find(manifestIdOf(manifest))?.origin === 'folder';
      if (!isVouchedFor && manifestChecker.Check(manifest) && this.accepts(manifest.model_id)) {
        this.put({ manifest, manifestHash: row.manifest_hash, origin: 'node' });
      }
    }
  }

  /** Every model, one entry per id: the operator's manifest, else the one known longest. */
  all(): KnownModel[] {
    return [...this.modelsById.values()].flatMap((variants) => variants.slice(0, 1));
  }

  find(modelId: string): KnownModel | undefined {
    return this.modelsById.get(modelId)?.[0];
  }

  /** The files of one of the operator's models, by the hash of its manifest. */
  filesOf(manifestHash: string): ModelFiles | undefined {
    return this.filesByHash.get(manifestHash);
  }

  /** Every manifest of an id; shards of different ones never share a pipeline. */
  variants(modelId: string): readonly KnownModel[] {
    return this.modelsById.get(modelId) ?? [];
  }

  /**
   * The manifest a shard was cut from. A node may bring a manifest for a model unknown here where the policy takes any.
   * Fails with `model-unknown`, `model-refused` or `manifest-mismatch`.
   */
  async resolve(
    modelId: string,
    manifestHash: string | null,
    introduced: ModelManifest | undefined,
  ): Promise<CoordinatorResult<KnownModel>> {
    if (!this.accepts(modelId)) {
      return refuse('model-refused', `This coordinator does not serve the model ${modelId}.`, {
        suggestion: 'Choose one of its models.',
      });
    }
    const variants = this.variants(modelId);
    const [first] = variants;
    const match = manifestHash === null ? first : variants.find((model) => model.manifestHash === manifestHash);
    if (match !== undefined) return success(match);
    if (first?.origin === 'folder') {
      return refuse('manifest-mismatch', `The shard was cut from another version of ${modelId} than is served here.`, {
        suggestion: 'Import the same model files as the coordinator uses.',
      });
    }
    if (introduced === undefined) {
      return first === undefined
        ? refuse('model-unknown', `The model ${modelId} is not known here.`)
        : refuse('manifest-mismatch', `The shard names a version of ${modelId} that is not known here.`);
    }
    return this.introduce(modelId, manifestHash, introduced);
  }

  private accepts(modelId: string): boolean {
    const { acceptedModels } = this.config;
    return acceptedModels === 'any' || acceptedModels.includes(modelId) || this.find(modelId)?.origin === 'folder';
  }

  private async introduce(
    modelId: string,
    manifestHash: string | null,
    manifest: ModelManifest,
  ): Promise<CoordinatorResult<KnownModel>> {
    if (manifest.model_id !== modelId) {
      return refuse('manifest-mismatch', `The manifest describes ${manifest.model_id}, the shard ${modelId}.`);
    }
    const problem = manifestProblem(manifest);
    if (problem !== null) return refuse('manifest-mismatch', `The manifest of ${modelId} cannot be used: ${problem}.`);
    const computed = hashManifest(manifest);
    if (manifestHash !== null && manifestHash !== computed) {
      return refuse('manifest-mismatch', `The manifest of ${modelId} does not have the hash it was sent with.`);
    }
    if (JSON.stringify(manifest).length > MAX_INTRODUCED_CHARACTERS) {
      return refuse('model-refused', `The manifest of ${modelId} is larger than this coordinator takes.`);
    }
    if (!(await this.makeRoom())) {
      return refuse('model-refused', 'This coordinator holds as many models as it can.');
    }
    const model: KnownModel = { manifest, manifestHash: computed, origin: 'node' };
    await this.add(model);
    return success(model);
  }

  /** Forgets introduced models that nobody holds, those known longest first. @returns whether one more has room now */
  private async makeRoom(): Promise<boolean> {
    const introduced = [...this.modelsById.values()].flat().filter((model) => model.origin === 'node');
    const excess = Math.max(0, introduced.length - MAX_INTRODUCED_MODELS + 1);
    const unheld = introduced.filter((model) => !this.isHeld(model)).slice(0, excess);
    if (unheld.length < excess) return false;
    for (const { manifest, manifestHash } of unheld) {
      const id = manifest.model_id;
      const others = this.variants(id).filter((known) => known.manifestHash !== manifestHash);
      if (others.length === 0) this.modelsById.delete(id);
      else this.modelsById.set(id, others);
    }
    for (const { manifest, manifestHash } of unheld) {
      await this.database
        .deleteFrom('models')
        .where('model_id', '=', manifest.model_id)
        .where('manifest_hash', '=', manifestHash)
        .where('origin', '=', 'node')
        .execute();
    }
    return true;
  }

  private async add(model: KnownModel): Promise<void> {
    const stored = {
      manifest_json: JSON.stringify(model.manifest),
      origin: model.origin,
      known_at: timestampOf(this.clock.nowMs()),
    };
    await this.database
      .insertInto('models')
      .values({ model_id: model.manifest.model_id, manifest_hash: model.manifestHash, ...stored })
      .onConflict((conflict) => conflict.columns(['model_id', 'manifest_hash']).doUpdateSet({ origin: model.origin }))
      .execute();
    this.put(model);
  }

  private put(model: KnownModel): void {
    const id = model.manifest.model_id;
    const isNew = this.variants(id).every((known) => known.manifestHash !== model.manifestHash);
    const others = this.variants(id).filter((known) => known.manifestHash !== model.manifestHash);
    this.modelsById.set(id, model.origin === 'folder' ? [model] : [...others, model]);
    if (isNew) this.onNew();
  }
}
