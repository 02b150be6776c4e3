import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Another coordinator, open to all, which calls itself what it likes and gives everybody the same inbox. */
export async function impostor(
  coordinatorId: string,
  inbox: object,
): Promise<{ readonly url: string; readonly asked: string[]; stop(): Promise<void> }> {
  const asked: string[] = [];
  const access = { coordinator_id: coordinatorId, policy: 'open', instructions: '' };
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(url === '/access' ? access : inbox));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
