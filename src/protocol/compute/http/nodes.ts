import { Type, type Static } from 'typebox';

const Score = Type.Number({ minimum: 0, maximum: 1 });
const ClockTime = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' });

/** What a machine is, measured by the node itself; `fingerprint` tells machines apart without naming them. */
export const HardwareProfile = Type.Object({
  gpu_model: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
  gpu_memory_gb: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 100_000 }), Type.Null()])),
  cpu_model: Type.String({ maxLength: 200 }),
  cpu_cores: Type.Integer({ minimum: 1, maximum: 65_536 }),
  ram_gb: Type.Number({ minimum: 0, maximum: 1_000_000 }),
  matmul_score: Score,
  memory_score: Score,
  latency_score: Score,
  fingerprint: Type.String({ minLength: 1, maxLength: 200 }),
});
export type HardwareProfile = Static<typeof HardwareProfile>;

/** Body of `POST /nodes/register` and of the hardware update. */
export const NodeRegistration = Type.Object({
  public_key: Type.String({ minLength: 1, maxLength: 1_000 }),
  hardware_profile: HardwareProfile,
  availability_start: Type.Optional(Type.Union([ClockTime, Type.Null()])),
  availability_end: Type.Optional(Type.Union([ClockTime, Type.Null()])),
  max_gpu_utilization: Type.Optional(Type.Number({ minimum: 0, maximum: 1, default: 0.8 })),
  protocol_version: Type.Optional(Type.String({ maxLength: 20, default: '0.1' })),
  /** The tore-0002 node id; the field keeps its historical name on the wire. */
  tore4_node_id: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
});
export type NodeRegistration = Static<typeof NodeRegistration>;

/** A registered node, as every answer shows it. */
export const NodeView = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  hardware_class: Type.String({ maxLength: 100 }),
  multiplier: Type.Number(),
  status: Type.String({ maxLength: 40 }),
  reliability_factor: Type.Number(),
  token_balance: Type.Number(),
  registered_at: Type.String({ maxLength: 100 }),
});
export type NodeView = Static<typeof NodeView>;

/** Answer of `GET /nodes/{id}`. */
export const NodeDetails = Type.Interface([NodeView], {
  public_key: Type.String(),
  region: Type.Union([Type.String(), Type.Null()]),
  last_seen: Type.String({ maxLength: 100 }),
  availability_start: Type.Union([Type.String(), Type.Null()]),
  availability_end: Type.Union([Type.String(), Type.Null()]),
  max_gpu_utilization: Type.Number(),
  protocol_version: Type.String(),
  tore4_node_id: Type.Union([Type.String(), Type.Null()]),
  hardware_changes: Type.Integer({ minimum: 0 }),
  quarantine_until: Type.Union([Type.String(), Type.Null()]),
});
export type NodeDetails = Static<typeof NodeDetails>;

/** Answer of `POST /nodes/{id}/heartbeat`. */
export const NodeHeartbeatAnswer = Type.Object({
  status: Type.String({ maxLength: 40 }),
  last_seen: Type.String({ maxLength: 100 }),
});
export type NodeHeartbeatAnswer = Static<typeof NodeHeartbeatAnswer>;

/** Answer of `DELETE /nodes/{id}`; balance and history stay. */
export const NodeRemovalAnswer = Type.Object({ status: Type.Literal('deregistered'), node_id: Type.String() });
export type NodeRemovalAnswer = Static<typeof NodeRemovalAnswer>;

/** Answer of `POST /nodes/{id}/hardware-update`: a higher multiplier counts only after the quarantine. */
export const HardwareUpdateAnswer = Type.Object({
  node_id: Type.String(),
  new_multiplier: Type.Number(),
  quarantine: Type.Object({
    quarantine_required: Type.Boolean(),
    duration_hours: Type.Number({ minimum: 0 }),
    quarantine_until: Type.Union([Type.String(), Type.Null()]),
    old_multiplier: Type.Number(),
    new_multiplier: Type.Number(),
    multiplier_ratio: Type.Number(),
  }),
  status: Type.String({ maxLength: 40 }),
});
export type HardwareUpdateAnswer = Static<typeof HardwareUpdateAnswer>;

/** Answer of `POST /nodes/{id}/unsuspend`. */
export const UnsuspendAnswer = Type.Object({
  status: Type.String({ maxLength: 40 }),
  reliability: Type.Number(),
  message: Type.String(),
});
export type UnsuspendAnswer = Static<typeof UnsuspendAnswer>;
