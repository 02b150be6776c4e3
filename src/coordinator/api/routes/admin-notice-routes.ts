import { Type } from 'typebox';
import { NoticeBody, type OperatorNotices } from '../../../protocol/compute/http/notices';
import { refuse } from '../../errors';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { ADMINISTRATOR_ONLY } from './admin-access';

const NoticeParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

/** `/admin/notices`: what the operator tells everybody who runs a node. */
export function adminNoticeRoutes(app: ApiServer, { notices }: CoordinatorServices): void {
  app.get('/admin/notices', ADMINISTRATOR_ONLY, async (): Promise<OperatorNotices> => ({
    notices: await notices.list(),
  }));

  app.post('/admin/notices', { ...ADMINISTRATOR_ONLY, schema: { body: NoticeBody } }, async (request, reply) => {
    const { text, days } = request.body;
    const posted = await notices.post(text, days);
    return posted.ok ? reply.code(201).send(posted.value) : sendResult(reply, posted);
  });

  app.delete(
    '/admin/notices/:id',
    { ...ADMINISTRATOR_ONLY, schema: { params: NoticeParams } },
    async (request, reply) => {
      if (await notices.withdraw(request.params.id)) return reply.send({ status: 'withdrawn', id: request.params.id });
      return sendResult(reply, refuse('notice-unknown', 'There is no such notice.'));
    },
  );
}
