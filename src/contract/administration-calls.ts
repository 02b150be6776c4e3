import { Type, type TSchema } from 'typebox';
import type {
  AdminChallenges,
  AdminNodes,
  Invitations,
  LiveRequests,
  Members,
  NewInvitation,
  PolicyCheck,
  PolicyView,
} from '../protocol/compute/http/admin';
import type { FederationView, PeerView, StatementViews } from '../protocol/federation/administration';
import type { LedgerAudit, LedgerVerification } from '../protocol/compute/http/tokens';
import { NOTICE_LIMITS, type OperatorNotice, type OperatorNotices } from '../protocol/compute/http/notices';
import type { ModelCoverage } from './snapshot';

/** Whose administrator this app can be. */
export interface AdministrationView {
  readonly target: 'embedded' | 'remote';
  /** Null while the embedded coordinator is not running. */
  readonly url: string | null;
  /** Whether calls can be made: always for the embedded coordinator, with a stored token for another. */
  readonly hasToken: boolean;
}

const Nothing = Type.Null();
/** A linked coordinator, by its configured name. */
const PeerName = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) });
const NodeId = Type.Object({ nodeId: Type.String({ minLength: 1, maxLength: 200 }) });
/** Rows of one page of nodes. */
export const ADMINISTRATION_PAGE = 100;
/** An edited policy is settings by name; their texts together stay below this. */
const MAX_POLICY_LENGTH = 100_000;

export const ADMINISTRATION_CALLS = {
  'administration:get': Nothing,
  'administration:set-token': Type.Object({
    token: Type.Union([Type.String({ minLength: 1, maxLength: 4_000 }), Type.Null()]),
  }),
  'administration:get-nodes': Type.Object({
    status: Type.Union([
      Type.Literal('active'),
      Type.Literal('suspended'),
      Type.Literal('deregistered'),
      Type.Literal('all'),
    ]),
    offset: Type.Integer({ minimum: 0, maximum: 100_000_000 }),
  }),
  'administration:get-coverage': Nothing,
  'administration:suspend-node': Type.Object({
    nodeId: Type.String({ minLength: 1, maxLength: 200 }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
  }),
  'administration:release-node': NodeId,
  'administration:get-requests': Nothing,
  'administration:get-challenges': Nothing,
  'administration:get-members': Nothing,
  'administration:remove-member': Type.Object({ publicKey: Type.String({ minLength: 1, maxLength: 200 }) }),
  'administration:get-invitations': Nothing,
  'administration:create-invitation': Type.Object({
    note: Type.String({ maxLength: 200 }),
    maxUses: Type.Integer({ minimum: 1, maximum: 100_000 }),
    days: Type.Integer({ minimum: 1, maximum: 365 }),
  }),
  'administration:revoke-invitation': Type.Object({ invitationId: Type.String({ minLength: 1, maxLength: 200 }) }),
  'administration:get-notices': Nothing,
  'administration:post-notice': Type.Object({
    text: Type.String({ minLength: 1, maxLength: NOTICE_LIMITS.maxText }),
    days: Type.Integer({ minimum: 1, maximum: NOTICE_LIMITS.maxDays }),
  }),
  'administration:withdraw-notice': Type.Object({ noticeId: Type.String({ minLength: 1, maxLength: 200 }) }),
  'administration:get-policy': Nothing,
  'administration:check-policy': Type.Object({ text: Type.String({ maxLength: MAX_POLICY_LENGTH }) }),
  'administration:get-federation': Nothing,
  'administration:cut-peer': PeerName,
  'administration:resume-peer': PeerName,
  'administration:get-statements': PeerName,
  'administration:reconcile': PeerName,
  'administration:audit': Nothing,
  'administration:verify': Nothing,
} as const satisfies Record<string, TSchema>;

export interface AdministrationCallValues {
  'administration:get': AdministrationView;
  'administration:set-token': AdministrationView;
  'administration:get-nodes': AdminNodes;
  /** Of every model the coordinator knows, who holds which layers. */
  'administration:get-coverage': readonly ModelCoverage[];
  'administration:suspend-node': null;
  'administration:release-node': null;
  'administration:get-requests': LiveRequests;
  'administration:get-challenges': AdminChallenges;
  'administration:get-members': Members;
  'administration:remove-member': null;
  'administration:get-invitations': Invitations;
  /** The code is shown this once. */
  'administration:create-invitation': NewInvitation;
  'administration:revoke-invitation': null;
  'administration:get-notices': OperatorNotices;
  'administration:post-notice': OperatorNotice;
  'administration:withdraw-notice': null;
  'administration:get-policy': PolicyView;
  'administration:check-policy': PolicyCheck;
  'administration:get-federation': FederationView;
  'administration:cut-peer': PeerView;
  'administration:resume-peer': PeerView;
  /** The newest first. */
  'administration:get-statements': StatementViews;
  /** The running day, compared with the peer's ledger now. */
  'administration:reconcile': StatementViews;
  'administration:audit': LedgerAudit;
  'administration:verify': LedgerVerification;
}
