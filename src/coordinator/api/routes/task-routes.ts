import { TaskResultBody } from '../../../protocol/compute/http/tasks';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { NodeParams } from './node-routes';

/** `/tasks/*`: baseline challenges. */
export function taskRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { challenges } = services;

  app.post('/tasks/dispatch/:id', { schema: { params: NodeParams } }, async (request, reply) =>
    sendResult(reply, await challenges.dispatch(request.params.id, 'http')),
  );

  app.post('/tasks/result', { schema: { body: TaskResultBody } }, async (request, reply) =>
    sendResult(reply, await challenges.answer(request.body)),
  );

  app.get('/tasks/:id', { schema: { params: NodeParams } }, async (request, reply) =>
    sendResult(reply, await challenges.details(request.params.id)),
  );

  app.get('/tasks/node/:id/stats', { schema: { params: NodeParams } }, async (request, reply) =>
    sendResult(reply, await challenges.statistics(request.params.id)),
  );
}
