import { Type } from 'typebox';
import {
  InvitationCode,
  JoinBody,
  type AccessInformation,
  type AccessSession,
} from '../../../protocol/compute/http/access';
import { REQUEST_PROOF_HEADERS } from '../../../protocol/wire/request-proof';
import { timestampOf } from '../../clock';
import { refuse, type CoordinatorResult } from '../../errors';
import { success } from '../../../protocol/result';
import type { Principal } from '../../access/principal';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';

const SessionBody = Type.Union([Type.Object({ invitation: Type.Optional(InvitationCode) }), Type.Null()], {
  default: null,
});

/** The proved key of a caller. Fails with `identity-required`. */
function provedKey(principal: Principal): CoordinatorResult<string> {
  return principal.publicKey === null
    ? refuse('identity-required', 'This call has to be signed with your key.', {
        suggestion: `Send ${REQUEST_PROOF_HEADERS.key}, ${REQUEST_PROOF_HEADERS.time}, ${REQUEST_PROOF_HEADERS.nonce} and ${REQUEST_PROOF_HEADERS.signature}.`,
      })
    : success(principal.publicKey);
}

/** `/access/*`: how to get in, who I am, short sessions. */
export function accessRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { access } = services;

  app.get('/access', (): AccessInformation => ({
    coordinator_id: access.coordinatorId,
    policy: access.terms.policy,
    instructions: access.terms.instructions,
    server_time: timestampOf(services.clock.nowMs()),
  }));

  app.get('/access/me', async (request, reply) => reply.send(await access.identity(request.principal)));

  app.post('/access/join', { schema: { body: JoinBody } }, async (request, reply) => {
    const key = provedKey(request.principal);
    if (!key.ok) return sendResult(reply, key);
    const joined = await access.welcome(key.value, request.body.invitation);
    return joined.ok ? reply.send(await access.identity(joined.value)) : sendResult(reply, joined);
  });

  app.post('/access/session', { schema: { body: SessionBody } }, async (request, reply) => {
    const key = provedKey(request.principal);
    if (!key.ok) return sendResult(reply, key);
    const principal = await access.welcome(key.value, request.body?.invitation);
    if (!principal.ok) return sendResult(reply, principal);
    const allowed = access.admit(principal.value, { who: 'member' });
    if (!allowed.ok) return sendResult(reply, allowed);
    const { token, expiresAt } = await access.openSession(key.value);
    const answer: AccessSession = { ...(await access.identity(principal.value)), token, expires_at: expiresAt };
    return reply.code(201).send(answer);
  });

  app.delete('/access/session', async (request, reply) => {
    const session = request.headers[REQUEST_PROOF_HEADERS.session];
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    for (const token of [session, bearer]) if (typeof token === 'string') await access.sessions.end(token);
    return reply.send({ status: 'ended' });
  });
}
