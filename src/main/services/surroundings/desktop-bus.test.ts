import { createServer, type Server, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openBus } from './desktop-bus';
import { openMeteredReader } from './metered';

let folder: string;
const servers: Server[] = [];
const sockets: Socket[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-bus-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

const method = { destination: 'a.b', path: '/a', interface: 'a.b', member: 'Get' };

/** A bus somebody listens at, with what becomes of whoever connects. */
async function listen(name: string, greet: (socket: Socket) => void): Promise<void> {
  const path = join(folder, name);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    greet(socket);
  });
  servers.push(server);
  await new Promise<void>((done) => void server.listen(path, done));
  vi.stubEnv('DBUS_SYSTEM_BUS_ADDRESS', `unix:path=${path}`);
}

describe('a call over a bus', () => {
  it('fails where there is no bus, before and after that is known', async () => {
    vi.stubEnv('DBUS_SYSTEM_BUS_ADDRESS', `unix:path=${join(folder, 'absent')}`);
    const call = await openBus('system');
    await expect(call(method)).rejects.toThrow('ENOENT');
    await expect(call(method)).rejects.toThrow('ENOENT');
  });

  it('fails where the bus takes the connection and says nothing', async () => {
    await listen('silent', () => undefined);
    const call = await openBus('system', 50);
    await expect(call(method)).rejects.toThrow('the system bus did not answer');
  });
});

describe('a reader over a bus that is not there', () => {
  it('says so instead of holding up the others', async () => {
    vi.stubEnv('DBUS_SYSTEM_BUS_ADDRESS', `unix:path=${join(folder, 'absent')}`);
    const reader = await openMeteredReader('linux');
    expect(reader.support).toMatchObject({ kind: 'no', why: expect.stringContaining('NetworkManager') as string });
    expect(await reader.read()).toBeNull();
  });
});
