import { success } from '../../../protocol/result';
import type { AdministrationService } from '../../services/administration-service';
import type { CallRegistry } from '../call-registry';

export function registerAdministrationCalls(calls: CallRegistry, administration: AdministrationService): void {
  calls.registerCall('administration:get', () => success(administration.view()));
  calls.registerCall('administration:set-token', ({ token }) => administration.setToken(token));
  calls.registerCall('administration:get-nodes', (page) => administration.nodes(page));
  calls.registerCall('administration:get-coverage', () => administration.coverage());
  calls.registerCall('administration:suspend-node', ({ nodeId, reason }) => administration.suspend(nodeId, reason));
  calls.registerCall('administration:release-node', ({ nodeId }) => administration.release(nodeId));
  calls.registerCall('administration:get-requests', () => administration.requests());
  calls.registerCall('administration:get-challenges', () => administration.challenges());
  calls.registerCall('administration:get-members', () => administration.members());
  calls.registerCall('administration:remove-member', ({ publicKey }) => administration.removeMember(publicKey));
  calls.registerCall('administration:get-invitations', () => administration.invitations());
  calls.registerCall('administration:create-invitation', (wanted) => administration.invite(wanted));
  calls.registerCall('administration:revoke-invitation', ({ invitationId }) =>
    administration.revokeInvitation(invitationId),
  );
  calls.registerCall('administration:get-notices', () => administration.notices());
  calls.registerCall('administration:post-notice', (notice) => administration.postNotice(notice));
  calls.registerCall('administration:withdraw-notice', ({ noticeId }) => administration.withdrawNotice(noticeId));
  calls.registerCall('administration:get-policy', () => administration.policy());
  calls.registerCall('administration:check-policy', ({ text }) => administration.checkPolicy(text));
  calls.registerCall('administration:get-federation', () => administration.federation());
  calls.registerCall('administration:cut-peer', ({ name }) => administration.setPeer(name, 'cut'));
  calls.registerCall('administration:resume-peer', ({ name }) => administration.setPeer(name, 'resume'));
  calls.registerCall('administration:get-statements', ({ name }) => administration.statements(name));
  calls.registerCall('administration:reconcile', ({ name }) => administration.reconcile(name));
  calls.registerCall('administration:audit', () => administration.audit());
  calls.registerCall('administration:verify', () => administration.verify());
}
