import { Type, type Static } from 'typebox';

const Share = Type.Number({ minimum: 0, maximum: 1 });

/** Region code such as `US-NY` or `DE`; upper case on the wire. */
export const RegionCode = Type.String({ minLength: 1, maxLength: 40, pattern: '^[A-Za-z0-9][A-Za-z0-9_-]*$' });

/** The electric grid of one region; every share is 0..1. */
export const GridStateView = Type.Object({
  region: Type.String(),
  grid_score: Type.Number(),
  load_factor: Share,
  carbon_intensity: Share,
  renewable_fraction: Share,
  /** `static` for the built-in table, `update` for a value given by `POST /grid/states/update`, `entsoe`, `electricity-maps`. */
  source: Type.String(),
  /** When it was given or measured. */
  updated_at: Type.String(),
  /** Null for the built-in table. */
  age_seconds: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
});
export type GridStateView = Static<typeof GridStateView>;

export const GridStates = Type.Object({
  regions: Type.Array(GridStateView),
  weights: Type.Object({ load: Type.Number(), carbon: Type.Number(), renewable: Type.Number() }),
  /** Where live values come from; `static` where nowhere. */
  source: Type.String(),
});
export type GridStates = Static<typeof GridStates>;

/** What `POST /grid/states/update` takes, in its query or its body. */
export const GridStateUpdate = Type.Object({
  region: RegionCode,
  load_factor: Type.Number(),
  carbon_intensity: Type.Number(),
  renewable_fraction: Type.Number(),
});
export type GridStateUpdate = Static<typeof GridStateUpdate>;

/** How a node ranks: `final_score` = (0.7 × performance + 0.3 × grid) × reliability. */
export const NodeScore = Type.Object({
  node_id: Type.String(),
  region: Type.Union([Type.String(), Type.Null()]),
  grid_score: Type.Number(),
  perf_score: Type.Number(),
  reliability: Type.Number(),
  final_score: Type.Number(),
});
export type NodeScore = Static<typeof NodeScore>;
