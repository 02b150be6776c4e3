import { Type } from 'typebox';
import { success } from '../../../protocol/result';
import { SESSION_LIMITS } from '../../../protocol/session/limits';
import { refuse, type CoordinatorResult } from '../../errors';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';

const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) });
const Page = Type.Object({
  after_seq: Type.Optional(Type.Integer({ minimum: 0, maximum: SESSION_LIMITS.maxTurns })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: SESSION_LIMITS.maxPageTurns })),
});

/**
 * `/sessions`: reading group sessions without a connection, for export and archives (tore-0003). The caller proves the key it
 * is in the session with; whoever is not in it hears what they would hear of one that does not exist. Writing is for the
 * WebSocket alone, where turns get their order.
 */
export function sessionRoutes(
  app: ApiServer,
  services: Pick<CoordinatorServices, 'groupSessions' | 'access' | 'federation'>,
): void {
  const { groupSessions, access } = services;
  const away = services.federation?.sessions.home ?? null;

  /** The key that asks; in open mode a call need not prove one, and then there is nobody to read as. */
  const keyOf = (publicKey: string | null): CoordinatorResult<string> =>
    publicKey === null
      ? refuse('identity-required', 'A session is read with the key one is in it with, and this call proves none.', {
          suggestion: `Sign the call, or open a session of the coordinator with POST /access/session. ${access.terms.instructions}`,
        })
      : success(publicKey);

  app.get('/sessions', async (request, reply) => {
    const key = keyOf(request.principal.publicKey);
    if (!key.ok) return sendResult(reply, key);
    const list = await groupSessions.list(key.value);
    const elsewhere = away === null ? [] : await away.list(key.value);
    return list.ok
      ? reply.send({ sessions: [...list.value, ...elsewhere] })
      : sendResult(reply, unknown(list.error.message));
  });

  app.get('/sessions/:id', { schema: { params: Params, querystring: Page } }, async (request, reply) => {
    const key = keyOf(request.principal.publicKey);
    if (!key.ok) return sendResult(reply, key);
    const { after_seq: afterSeq = 0, limit } = request.query;
    const url = `${request.protocol}://${request.host}`;
    const host = away?.hosts(request.params.id) === true ? away : groupSessions;
    const page = await host.exportPage(key.value, request.params.id, { afterSeq, limit, url });
    return page.ok ? reply.send(page.value) : sendResult(reply, unknown(page.error.message));
  });
}

function unknown(message: string): CoordinatorResult<never> {
  return refuse('session-unknown', message, { suggestion: 'Join it with an invitation of its owner.' });
}
