import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** Debian keeps the server's programs out of the search path. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const STARTED_WITHIN_MS = 30_000;
const POLL_MS = 50;

/** Folder of `initdb` and `postgres`, or null where PostgreSQL is not installed. */
export function findPostgres(): string | null {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).sort().reverse() : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN_FOLDER, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  const complete = (folder: string): boolean => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)));
  return folders.find(complete) ?? null;
}

/** PostgreSQL refuses to run as root; then its own user runs it. */
function runAs(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postgres:'));
  const [, , uid, gid] = (entry ?? '').split(':');
  if (uid === undefined || gid === undefined) throw new Error('there is no user postgres to run the server as');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server of its own in a temporary folder, reached through a socket there and gone with `stop`. */
export interface PostgresServer {
  /** Address of a database its user owns. */
  readonly url: string;
  stop(): Promise<void>;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function untilAnswering(url: string, server: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + STARTED_WITHIN_MS;
  while (!(await answers(url))) {
    if (server.exitCode !== null || Date.now() > deadline) throw new Error(`PostgreSQL does not start: ${output()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Starts a server. Without `durable` it does not wait for the disk, which only a crash of the machine could tell.
 */
export async function startPostgres(options: { readonly durable?: boolean } = {}): Promise<PostgresServer> {
  const programs = findPostgres();
  if (programs === null) throw new Error('PostgreSQL is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'tore-postgres-'));
  const user = runAs();
  if (user !== null) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const as = { ...user, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C' } };
  await run(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'tore', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    as,
  );
  const relaxed = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${folder}`,
    'max_connections=200',
    'shared_buffers=32MB',
    ...(options.durable === true ? [] : relaxed),
  ];
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...as,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  server.stderr.on('data', (text: Buffer) => {
    output = (output + text.toString('utf8')).slice(-4_000);
  });
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = `postgresql://tore@/postgres?host=${encodeURIComponent(folder)}`;
  const stop = async (): Promise<void> => {
    // SIGINT is PostgreSQL's fast shutdown: connections are cut, data is kept.
    server.kill('SIGINT');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAnswering(url, server, () => output);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { url, stop };
}
