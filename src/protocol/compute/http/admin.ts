import { Type, type Static } from 'typebox';
import { MemberRole, MemberRoles } from './access';

/** Rows of one page. */
export const MAX_PAGE = 500;

const Note = Type.String({ maxLength: 200, default: '' });
const Nullable = <Inner extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  inner: Inner,
): ReturnType<typeof Type.Union<[Inner, ReturnType<typeof Type.Null>]>> => Type.Union([inner, Type.Null()]);

/** Query of the lists of `/admin`. */
export const AdminPage = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 }),
  offset: Type.Integer({ minimum: 0, maximum: 100_000_000, default: 0 }),
});

/** A node with its state and the reason for it (`GET /admin/nodes`). */
export const AdminNode = Type.Object({
  id: Type.String(),
  public_key: Type.String(),
  /** `active`, `suspended` or `deregistered`. */
  status: Type.String(),
  /** Why it is so, in plain words. */
  reason: Type.String(),
  connected: Type.Boolean(),
  hardware_class: Type.String(),
  multiplier: Type.Number(),
  reliability: Type.Number(),
  region: Nullable(Type.String()),
  quarantine_until: Nullable(Type.String()),
  hardware_changes: Type.Integer(),
  balance: Type.Number(),
  /** Other nodes that measured the same machine. */
  same_machine_as: Type.Array(Type.String()),
  shards: Type.Array(
    Type.Object({
      model_id: Type.String(),
      layer_start: Type.Integer(),
      layer_end: Type.Integer(),
      online: Type.Boolean(),
    }),
  ),
  registered_at: Type.String(),
  last_seen: Type.String(),
});
export type AdminNode = Static<typeof AdminNode>;

export const AdminNodes = Type.Object({ nodes: Type.Array(AdminNode), total: Type.Integer({ minimum: 0 }) });
export type AdminNodes = Static<typeof AdminNodes>;

/** Body of `POST /admin/nodes/{id}/suspend`. */
export const SuspendBody = Type.Object({ reason: Type.String({ minLength: 1, maxLength: 500 }) });
export type SuspendBody = Static<typeof SuspendBody>;

/** Body of `POST /admin/nodes/{id}/penalty`: takes GFT from a balance, with its reason in the ledger. */
export const PenaltyBody = Type.Object({
  gft: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000_000 }),
  reason: Type.String({ minLength: 1, maxLength: 200 }),
});
export type PenaltyBody = Static<typeof PenaltyBody>;

/** Body of `POST /admin/invitations`. */
export const InvitationBody = Type.Object({
  roles: Type.Optional(MemberRoles),
  max_uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 1 })),
  /** RFC 3339; by default two weeks from now. */
  expires_at: Type.Optional(Type.String({ maxLength: 40 })),
  note: Type.Optional(Note),
});
export type InvitationBody = Static<typeof InvitationBody>;

/** An invitation as it is listed. The code itself is shown once, when it is made. */
export const InvitationView = Type.Object({
  id: Type.String(),
  /** First characters of the code. */
  hint: Type.String(),
  roles: Type.Array(MemberRole),
  note: Type.String(),
  max_uses: Type.Integer(),
  uses: Type.Integer(),
  /** `open`, `used-up`, `expired` or `revoked`. */
  state: Type.String(),
  created_by: Type.String(),
  created_at: Type.String(),
  expires_at: Type.String(),
});
export type InvitationView = Static<typeof InvitationView>;

export const Invitations = Type.Object({ invitations: Type.Array(InvitationView) });
export type Invitations = Static<typeof Invitations>;
export const NewInvitation = Type.Interface([InvitationView], { code: Type.String() });
export type NewInvitation = Static<typeof NewInvitation>;

/** Body of `PUT /admin/members/{public_key}`. */
export const MemberBody = Type.Object({
  roles: MemberRoles,
  state: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('blocked')], { default: 'active' })),
  note: Type.Optional(Note),
});
export type MemberBody = Static<typeof MemberBody>;

export const MemberView = Type.Object({
  public_key: Type.String(),
  roles: Type.Array(MemberRole),
  state: Type.String(),
  invitation_id: Nullable(Type.String()),
  note: Type.String(),
  joined_at: Type.String(),
});
export type MemberView = Static<typeof MemberView>;
export const Members = Type.Object({ members: Type.Array(MemberView) });
export type Members = Static<typeof Members>;

/** The settings in force (`GET /admin/policy`); secrets are shown as `set` or null. */
export const PolicyView = Type.Object({ policy: Type.Record(Type.String(), Type.Unknown()) });
export type PolicyView = Static<typeof PolicyView>;

/** Body of `POST /admin/policy/check`: settings by name, any of them. */
export const PolicyCheckBody = Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: 200 });
export const PolicyCheck = Type.Object({
  valid: Type.Boolean(),
  problems: Type.Array(Type.Object({ setting: Type.String(), message: Type.String() })),
});
export type PolicyCheck = Static<typeof PolicyCheck>;

/** A request under way (`GET /admin/requests`); never its text. */
export const LiveRequest = Type.Object({
  request_id: Type.String(),
  node_id: Type.String(),
  model_id: Type.String(),
  started_at: Type.String(),
});
export const LiveRequests = Type.Object({ requests: Type.Array(LiveRequest), waiting: Type.Integer({ minimum: 0 }) });
export type LiveRequests = Static<typeof LiveRequests>;

/** A challenge or a finding in real work (`GET /admin/challenges`). */
export const AdminChallenge = Type.Object({
  task_id: Type.String(),
  node_id: Type.String(),
  task_type: Type.String(),
  model_id: Type.String(),
  layer_start: Type.Integer(),
  layer_end: Type.Integer(),
  status: Type.String(),
  /** What was compared with what, and how it came out. */
  finding: Nullable(Type.String()),
  created_at: Type.String(),
  completed_at: Nullable(Type.String()),
});
export type AdminChallenge = Static<typeof AdminChallenge>;
export const AdminChallenges = Type.Object({ challenges: Type.Array(AdminChallenge) });
export type AdminChallenges = Static<typeof AdminChallenges>;
