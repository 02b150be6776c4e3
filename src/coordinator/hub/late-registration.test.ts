import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { success } from '../../protocol/result';
import { systemClock, systemRandom } from '../clock';
import { readConfig } from '../config';
import { silentLogger } from '../logger';
import { createServices } from '../services';
import type { SessionRooms } from '../sessions/session-rooms';
import { registration } from '../testing/foreign-client';
import { openTestDatabase } from '../testing/test-database';
import { newTestKey, WsNode } from '../testing/ws-node';
import type { Caller, NodeCalls } from './node-calls';

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };

it('does not take a node away from the connection it came back with', async () => {
  const { database, close } = await openTestDatabase();
  const config = readConfig({});
  if (!config.ok) throw new Error(config.error.message);
  const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const { hub, coverage } = createServices(config.value, 'test', database, surroundings);
  // Registrations end when the test says so.
  const registrations: (() => void)[] = [];
  const answer = async (caller: Caller): Promise<ReturnType<typeof success>> => {
    await new Promise<void>((resolve) => registrations.push(resolve));
    caller.nodeId = 'n';
    return success({ id: 'n' });
  };
  hub.connectServices({ answer } as unknown as NodeCalls, coverage, null as unknown as SessionRooms);
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => hub.accept(socket, '127.0.0.1'));
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const key = newTestKey();
    const lost = await WsNode.connect(url, key);
    lost.begin({ type: 'register-node', registration: registration(key.publicKey) });
    await expect.poll(() => registrations.length, WITHIN).toBe(1);
    lost.drop();
    await expect.poll(() => hub.connectedKeys(), WITHIN).toEqual([]);
    const back = await WsNode.connect(url, key);
    const registered = back.register();
    await expect.poll(() => registrations.length, WITHIN).toBe(2);
    registrations[1]?.();
    expect(await registered).toBe('n');
    registrations[0]?.();
    // Whatever waits on the late one is done by then.
    await new Promise((resolve) => setImmediate(resolve));
    expect(hub.isConnected('n')).toBe(true);
    expect(hub.connectedNodes()).toEqual(['n']);
    back.drop();
  } finally {
    server.close();
    await close();
  }
});
