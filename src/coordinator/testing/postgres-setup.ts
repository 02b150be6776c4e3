import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import './test-context';
import { startPostgres, type PostgresServer } from './postgres-server';

/**
 * One PostgreSQL server for a whole test run, started when the first test asks for it: the test processes connect to a
 * socket of the main one and read the server's address from it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'tore-broker-'));
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\tore-broker-${process.pid}` : join(folder, 'broker.sock');
  let server: Promise<PostgresServer> | null = null;
  const broker = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    server ??= startPostgres();
    server.then(
      ({ url }) => socket.end(JSON.stringify({ url })),
      (thrown: unknown) => socket.end(JSON.stringify({ problem: String(thrown) })),
    );
  });
  await new Promise<void>((resolve) => {
    broker.listen(path, resolve);
  });
  project.provide('postgresBroker', path);
  return async () => {
    broker.close();
    rmSync(folder, { recursive: true, force: true });
    // A server that never started has nothing to stop; its test has reported why.
    const [started] = await Promise.allSettled([server]);
    if (started.status === 'fulfilled') await started.value?.stop();
  };
}
