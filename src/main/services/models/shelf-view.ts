import type { ModelsView, ShelfModel } from '../../../contract/models';
import type { ContributionSettings } from '../../../contract/settings';
import type { ModelSummary } from '../../../contract/snapshot';
import type { ModelManifest } from '../../../protocol/compute/model';
import { storedBytes } from '../../../protocol/compute/stored-bytes';
import type { FetchedModel } from './fetched-models';
import type { DownloadRecord, LocalModel } from './shelf-document';

/** What is known of the models, from which the view is made. */
export interface ShelfFacts {
  readonly shipped: { readonly folder: string; readonly manifestHash: string; readonly manifest: ModelManifest } | null;
  readonly locals: readonly LocalModel[];
  readonly listed: readonly ModelSummary[];
  /** Manifests of listed models, as far as they were read, and why others could not be. */
  readonly offered: ReadonlyMap<string, OfferedFact>;
  readonly downloads: readonly DownloadRecord[];
  readonly downloadOf: (modelId: string) => ShelfModel['download'];
  readonly fetched: readonly FetchedModel[];
  /** Bytes of models the app fetched from a hub, by path. */
  readonly hubBytes: ReadonlyMap<string, number>;
  readonly contribution: ContributionSettings;
}

export type OfferedFact =
  | { readonly kind: 'known'; readonly manifest: ModelManifest; readonly manifestHash: string }
  | { readonly kind: 'unknown'; readonly problem: string };

export const SHIPPED_KEY = 'shipped';
export const localKey = (id: number): string => `local:${id}`;
export const offeredKey = (modelId: string): string => `offered:${modelId}`;
export const fetchedKey = (manifestHash: string): string => `fetched:${manifestHash}`;

const WHOLE = (manifest: ModelManifest) => ({ layer_start: 0, layer_end: manifest.total_layers - 1 });

/** Every model once: one on this computer that the coordinator offers too is the one on this computer. */
export function shelfModels(facts: ShelfFacts): readonly ShelfModel[] {
  const { shipped, locals, listed, contribution } = facts;
  const own: ShelfModel[] = [];
  const heldHere = new Map<string, string>();
  const listing = (modelId: string) => listed.find((model) => model.modelId === modelId);
  const hold = (
    key: string,
    origin: 'shipped' | 'local',
    path: string,
    hash: string,
    manifest: ModelManifest,
  ): void => {
    heldHere.set(manifest.model_id, hash);
    own.push({
      key,
      origin,
      modelId: manifest.model_id,
      friendlyName: manifest.friendly_name,
      totalLayers: manifest.total_layers,
      licence: manifest.licence,
      path,
      storedBytes: storedBytes(manifest, WHOLE(manifest)),
      diskBytes: facts.hubBytes.get(path) ?? 0,
      chosen: contribution.modelId === null && contribution.modelFolder === (origin === 'shipped' ? null : path),
      listed: listing(manifest.model_id) !== undefined,
      onlineShards: listing(manifest.model_id)?.onlineShards ?? 0,
      download: null,
      problem: null,
    });
  };
  if (shipped !== null) hold(SHIPPED_KEY, 'shipped', shipped.folder, shipped.manifestHash, shipped.manifest);
  for (const { id, path, manifestHash, manifest } of locals) hold(localKey(id), 'local', path, manifestHash, manifest);
  return [...own, ...offeredModels(facts, heldHere), ...strayModels(facts)];
}

function offeredModels(facts: ShelfFacts, heldHere: ReadonlyMap<string, string>): ShelfModel[] {
  const { listed, offered, downloads, fetched, contribution, downloadOf } = facts;
  const unlisted = downloads.filter(({ modelId }) => listed.every((model) => model.modelId !== modelId));
  const rows = [
    ...listed.map(({ modelId, friendlyName, totalLayers, onlineShards }) => ({
      modelId,
      friendlyName,
      totalLayers,
      onlineShards,
      listed: true,
    })),
    ...unlisted.map(({ modelId, manifest }) => ({
      modelId,
      friendlyName: manifest.friendly_name,
      totalLayers: manifest.total_layers,
      onlineShards: 0,
      listed: false,
    })),
  ];
  return rows.flatMap((row): ShelfModel[] => {
    const fact = offered.get(row.modelId);
    const record = downloads.find(({ modelId }) => modelId === row.modelId);
    const chosen = contribution.modelId === row.modelId;
    const held = heldHere.get(row.modelId);
    // The coordinator's list names it as well; it need not be fetched.
    if (
      held !== undefined &&
      !chosen &&
      record === undefined &&
      (fact?.kind !== 'known' || fact.manifestHash === held)
    ) {
      return [];
    }
    const manifest = fact?.kind === 'known' ? fact.manifest : (record?.manifest ?? null);
    const hash = fact?.kind === 'known' ? fact.manifestHash : record?.manifestHash;
    return [
      {
        ...row,
        key: offeredKey(row.modelId),
        origin: 'offered',
        licence: manifest?.licence ?? null,
        path: null,
        storedBytes: manifest === null ? null : storedBytes(manifest, WHOLE(manifest)),
        diskBytes: fetched.find(({ manifestHash }) => manifestHash === hash)?.diskBytes ?? 0,
        chosen,
        download: downloadOf(row.modelId),
        problem: row.listed
          ? fact?.kind === 'unknown'
            ? fact.problem
            : null
          : 'The coordinator in use does not offer it.',
      },
    ];
  });
}

/** What was fetched of models that nobody offers here any more: it only takes room. */
function strayModels({ fetched, offered, downloads }: ShelfFacts): ShelfModel[] {
  const known = new Set([
    ...[...offered.values()].flatMap((fact) => (fact.kind === 'known' ? [fact.manifestHash] : [])),
    ...downloads.map(({ manifestHash }) => manifestHash),
  ]);
  return fetched
    .filter(({ manifestHash }) => !known.has(manifestHash))
    .map(({ manifestHash, manifest, diskBytes }) => ({
      key: fetchedKey(manifestHash),
      origin: 'offered',
      modelId: manifest?.model_id ?? manifestHash.slice(0, 12),
      friendlyName: manifest?.friendly_name ?? manifestHash.slice(0, 12),
      totalLayers: manifest?.total_layers ?? 0,
      licence: manifest?.licence ?? null,
      path: null,
      storedBytes: manifest === null ? null : storedBytes(manifest, WHOLE(manifest)),
      diskBytes,
      chosen: false,
      listed: false,
      onlineShards: 0,
      download: null,
      problem: 'The coordinator in use does not offer it.',
    }));
}

/** Sums of what the models take. */
export function diskView(
  { fetched, hubBytes }: Pick<ShelfFacts, 'fetched' | 'hubBytes'>,
  shardBytes: number,
  freeBytes: number | null,
): ModelsView['disk'] {
  const sizes = [...fetched.map(({ diskBytes }) => diskBytes), ...hubBytes.values()];
  return { fetchedBytes: sizes.reduce((sum, bytes) => sum + bytes, 0), shardBytes, freeBytes };
}
