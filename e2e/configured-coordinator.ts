// `tore-coordinator` from a configuration file, as an operator runs it: stopped, changed and started again at its address.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

const PROGRAM = resolve(import.meta.dirname, '../out/main/tore-coordinator.js');

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** One coordinator with its configuration, over several starts. */
export class ConfiguredCoordinator {
  private child: ChildProcess | null = null;
  private output = '';

  private constructor(
    readonly url: string,
    /** Of its administrator. */
    readonly token: string,
    /** Its configuration. */
    readonly file: string,
    private readonly settings: Readonly<Record<string, unknown>>,
  ) {}

  static async create(folder: string, name: string, settings: Record<string, unknown>): Promise<ConfiguredCoordinator> {
    const port = await freePort();
    const token = `the-administrator-of-coordinator-${name}`;
    return new ConfiguredCoordinator(`http://127.0.0.1:${port}`, token, join(folder, `${name}.yaml`), {
      port,
      administratorToken: token,
      ...settings,
    });
  }

  /** Starts it with further settings, and waits until it answers. */
  async start(further: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await writeFile(this.file, stringify({ ...this.settings, ...further }));
    const child = spawn(process.execPath, [PROGRAM, 'serve', '--config', this.file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.output = (this.output + text).slice(-20_000);
    });
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the coordinator ended: ${this.output}`);
      const answers = await fetch(`${this.url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answers) return;
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  /** A call of its administrator. */
  async admin(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }
}
