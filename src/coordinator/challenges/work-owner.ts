import type { AgreementMembers } from '../handshake/agreement-members';
import type { NodeStore } from '../nodes/node-store';
import type { Database } from '../storage/database-schema';
import type { WorkOwner } from './work-checks';

/** Who came in by an agreement. */
export type AgreementLookup = Pick<AgreementMembers, 'membershipOf'>;

/**
 * Whether what a request is made of may be sent to a node that does not serve it. The terms of agreements on data are
 * sentences for people, so whatever falls under an agreement is copied nowhere: requests of sessions that stand on one,
 * and of keys that one has let in. Sessions that are not held here may stand on one, too.
 */
export function mayCopyWork(
  database: Database,
  nodes: NodeStore,
  agreements: AgreementLookup,
): (owner: WorkOwner) => Promise<boolean> {
  return async ({ nodeId, sessionId }) => {
    if (sessionId !== undefined) {
      const session = await database
        .selectFrom('group_sessions')
        .select(['agreement_ref', 'agreement_json'])
        .where('id', '=', sessionId)
        .executeTakeFirst();
      if (session === undefined || session.agreement_ref !== null || session.agreement_json !== null) return false;
    }
    const node = await nodes.find(nodeId);
    return node !== undefined && (await agreements.membershipOf(node.public_key)) === null;
  };
}
