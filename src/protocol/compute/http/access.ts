import { Type, type Static } from 'typebox';

/** Who may use a coordinator: anybody, whoever proves a key, or members alone. */
export const AccessPolicyName = Type.Union([Type.Literal('open'), Type.Literal('keyed'), Type.Literal('institution')]);
export type AccessPolicyName = Static<typeof AccessPolicyName>;

/** What a key may do: contribute (`node`), ask and spend (`user`), run the coordinator (`administrator`). */
export const AccessRole = Type.Union([Type.Literal('node'), Type.Literal('user'), Type.Literal('administrator')]);
export type AccessRole = Static<typeof AccessRole>;

/** Roles a member can be given; administrators are named in the coordinator's own configuration. */
export const MemberRole = Type.Union([Type.Literal('node'), Type.Literal('user')]);
export type MemberRole = Static<typeof MemberRole>;
export const MemberRoles = Type.Array(MemberRole, { minItems: 1, maxItems: 2, uniqueItems: true });

/** An invitation code as it is handed to a person. */
export const InvitationCode = Type.String({ minLength: 8, maxLength: 100, pattern: '^[A-Za-z0-9-]+$' });

/** Raw Ed25519 public key, 32 bytes in base64. */
export const MemberKey = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });

/** Answer of `GET /access`: how to get in, for people and programs. */
export const AccessInformation = Type.Object({
  coordinator_id: Type.String({ maxLength: 200 }),
  policy: AccessPolicyName,
  /** What a newcomer has to do, in plain words. */
  instructions: Type.String({ maxLength: 2_000 }),
  /** The coordinator's clock, for senders whose own is off. */
  server_time: Type.String({ maxLength: 100 }),
});
export type AccessInformation = Static<typeof AccessInformation>;

/** Body of `POST /access/join` and `POST /access/session`, both signed. */
export const JoinBody = Type.Object({ invitation: InvitationCode });
export type JoinBody = Static<typeof JoinBody>;

/** Who the coordinator takes a caller for (`GET /access/me`). */
export const AccessIdentity = Type.Object({
  public_key: Type.Union([Type.String(), Type.Null()]),
  node_id: Type.Union([Type.String(), Type.Null()]),
  roles: Type.Array(AccessRole),
});
export type AccessIdentity = Static<typeof AccessIdentity>;

/** Answer of `POST /access/session`: a bearer for `Authorization` or `x-tore-session`. */
export const AccessSession = Type.Interface([AccessIdentity], { token: Type.String(), expires_at: Type.String() });
export type AccessSession = Static<typeof AccessSession>;
