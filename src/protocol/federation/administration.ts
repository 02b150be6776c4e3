import { Type, type Static } from 'typebox';
import { FederationGrant } from './grant';
import { FederationStatement, StatementEntry } from './statement';

const Nullable = <Inner extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  inner: Inner,
): ReturnType<typeof Type.Union<[Inner, ReturnType<typeof Type.Null>]>> => Type.Union([inner, Type.Null()]);

const NullableGrant = Type.Union([FederationGrant, Type.Null()]);
const Sum = Type.Object({ requests: Type.Integer(), amount: Type.Number() });

/** A peer, as the administrator of this side sees it (`GET /admin/federation`). */
export const PeerView = Type.Object({
  name: Type.String(),
  public_key: Type.String(),
  key_id: Type.String(),
  /** Where it listens; null when only it connects. */
  url: Nullable(Type.String()),
  link: Type.Object({
    /** `down`, `greeting`, `up`, `cut` or `barred`. */
    state: Type.String(),
    /** Why it is so, where there is a reason. */
    reason: Nullable(Type.String()),
    since: Nullable(Type.String()),
    last_up_at: Nullable(Type.String()),
  }),
  agreement: Type.Object({
    id: Type.String(),
    hash: Type.String(),
    purpose: Type.String(),
    /** Names of its parties: the own one, and the peer's. */
    own_party: Type.String(),
    peer_party: Type.String(),
    unit: Type.String(),
    rate: Type.Number(),
    data_handling: Type.String(),
    effective_at: Type.String(),
    expires_at: Nullable(Type.String()),
    terminated_at: Nullable(Type.String()),
    /** What is served for the peer, and by it. */
    serves: NullableGrant,
    served: NullableGrant,
  }),
  /** What the peer offers now. */
  models: Type.Array(Type.Object({ model_id: Type.String(), friendly_name: Type.String(), available: Type.Boolean() })),
  /** Its signed discovery records. */
  records: Type.Integer(),
  traffic: Type.Object({
    messages_in: Type.Integer(),
    messages_out: Type.Integer(),
    bytes_in: Type.Integer(),
    bytes_out: Type.Integer(),
    /** Requests under way: of the peer here, and of this side there. */
    serving: Type.Integer(),
    asking: Type.Integer(),
  }),
  /** Settled under the agreement. */
  settled: Type.Object({
    served: Sum,
    consumed: Sum,
    /** Not signed for by the peer yet, and refused by it. */
    owed: Type.Integer(),
    refused: Type.Integer(),
  }),
  refusals: Type.Array(Type.Object({ at: Type.String(), code: Type.String(), message: Type.String() })),
});
export type PeerView = Static<typeof PeerView>;

export const FederationView = Type.Object({
  /** The key of this coordinator; null without configured peers. */
  public_key: Nullable(Type.String()),
  peers: Type.Array(PeerView),
});
export type FederationView = Static<typeof FederationView>;

const DifferenceView = Type.Object({
  request_id: Type.String(),
  /** `only-here`, `only-there` or `differs`. */
  kind: Type.String(),
  here: Type.Union([StatementEntry, Type.Null()]),
  there: Type.Union([StatementEntry, Type.Null()]),
});

/** A compared or kept time (`GET …/statements`, `POST …/reconcile`). */
export const StatementView = Type.Object({
  from: Type.String(),
  to: Type.String(),
  /** `signed` by both, `equal` so far, or `differs`. */
  state: Type.String(),
  statement: FederationStatement,
  differences: Type.Array(DifferenceView),
});
export type StatementView = Static<typeof StatementView>;

export const StatementViews = Type.Object({ statements: Type.Array(StatementView) });
export type StatementViews = Static<typeof StatementViews>;
