import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const STARTED_WITHIN_MS = 30_000;

/** Path of `nats-server`, or null where it is not installed. */
export function findNatsServer(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'nats-server')).find((file) => existsSync(file)) ?? null;
}

/** A NATS server of its own on a free loopback port. */
export async function startNats(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const program = findNatsServer();
  if (program === null) throw new Error('nats-server is not installed');
  const server = spawn(program, ['-a', '127.0.0.1', '-p', '-1'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`nats-server does not start: ${output}`)), STARTED_WITHIN_MS);
    server.stderr.on('data', (text: Buffer) => {
      output += text.toString('utf8');
      const port = /client connections on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(`nats://127.0.0.1:${port}`);
    });
  });
  return {
    url,
    stop: async () => {
      server.kill('SIGKILL');
      await exited;
    },
  };
}
