import { Type } from 'typebox';
import {
  InvitationBody,
  MemberBody,
  type Invitations,
  type InvitationView,
  type Members,
  type NewInvitation,
} from '../../../protocol/compute/http/admin';
import { MemberKey } from '../../../protocol/compute/http/access';
import { storedRoles, type InvitationRow } from '../../access/member-store';
import type { Principal } from '../../access/principal';
import { refuse } from '../../errors';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { ADMINISTRATOR_ONLY } from './admin-access';

const DAY_MS = 86_400_000;
/** An invitation that names no end is for the next days, not for ever. */
const DEFAULT_INVITATION_DAYS = 14;
const MAX_INVITATION_DAYS = 366;

const InvitationParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const MemberParams = Type.Object({ key: MemberKey });

function stateOf(row: InvitationRow, nowMs: number): string {
  if (row.revoked_at !== null) return 'revoked';
  if (row.uses >= row.max_uses) return 'used-up';
  return Date.parse(row.expires_at) <= nowMs ? 'expired' : 'open';
}

function viewOf(row: InvitationRow, nowMs: number): InvitationView {
  return {
    id: row.id,
    hint: row.hint,
    roles: [...storedRoles(row.roles_json)],
    note: row.note,
    max_uses: row.max_uses,
    uses: row.uses,
    state: stateOf(row, nowMs),
    created_by: row.created_by,
    created_at: row.created_at,
    expires_at: row.expires_at,
  };
}

function nameOf(principal: Principal): string {
  return principal.publicKey ?? 'administrator token';
}

/** `/admin/invitations` and `/admin/members`: who may come in. */
export function adminMemberRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { access, clock, hub } = services;
  const { members } = access;

  app.get('/admin/invitations', ADMINISTRATOR_ONLY, async (): Promise<Invitations> => ({
    invitations: (await members.invitations()).map((row) => viewOf(row, clock.nowMs())),
  }));

  app.post(
    '/admin/invitations',
    { ...ADMINISTRATOR_ONLY, schema: { body: InvitationBody } },
    async (request, reply) => {
      const { roles, max_uses: maxUses, expires_at: expiresAt, note } = request.body;
      const nowMs = clock.nowMs();
      const expiresAtMs = expiresAt === undefined ? nowMs + DEFAULT_INVITATION_DAYS * DAY_MS : Date.parse(expiresAt);
      if (!(expiresAtMs > nowMs && expiresAtMs <= nowMs + MAX_INVITATION_DAYS * DAY_MS)) {
        return reply.code(400).send({ detail: 'An invitation ends in the future, within a year.' });
      }
      const { code, row } = await members.invite({
        roles: roles ?? ['node', 'user'],
        maxUses: maxUses ?? 1,
        expiresAtMs,
        note: note ?? '',
        createdBy: nameOf(request.principal),
      });
      const answer: NewInvitation = { ...viewOf(row, nowMs), code };
      return reply.code(201).send(answer);
    },
  );

  app.delete(
    '/admin/invitations/:id',
    { ...ADMINISTRATOR_ONLY, schema: { params: InvitationParams } },
    async (request, reply) => {
      const revoked = await members.revokeInvitation(request.params.id);
      if (!revoked)
        return sendResult(reply, refuse('invitation-invalid', 'There is no such open invitation.'), {
          statuses: { 'invitation-invalid': 404 },
        });
      return reply.send({ status: 'revoked', id: request.params.id });
    },
  );

  app.get('/admin/members', ADMINISTRATOR_ONLY, async (): Promise<Members> => ({
    members: (await members.members()).map((row) => ({
      public_key: row.public_key,
      roles: [...storedRoles(row.roles_json)],
      state: row.state,
      invitation_id: row.invitation_id,
      note: row.note,
      joined_at: row.joined_at,
    })),
  }));

  app.put(
    '/admin/members/:key',
    { ...ADMINISTRATOR_ONLY, schema: { params: MemberParams, body: MemberBody } },
    async (request, reply) => {
      const { key } = request.params;
      const { roles, state = 'active', note = '' } = request.body;
      await members.put(key, { roles, state, note });
      if (state === 'blocked') {
        await access.sessions.endAllOf(key);
        hub.expel(key, 'shut out by an administrator');
      }
      return reply.send({ status: state, public_key: key });
    },
  );

  app.delete(
    '/admin/members/:key',
    { ...ADMINISTRATOR_ONLY, schema: { params: MemberParams } },
    async (request, reply) => {
      const { key } = request.params;
      if (!(await members.remove(key))) return reply.code(404).send({ detail: 'There is no such member.' });
      await access.sessions.endAllOf(key);
      if (!access.admit(await access.principalOf(key), { who: 'member' }).ok) hub.expel(key, 'no longer a member');
      return reply.send({ status: 'removed', public_key: key });
    },
  );
}
