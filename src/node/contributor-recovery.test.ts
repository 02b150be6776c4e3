import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { NodePreferences } from './contributor-options';
import type { StartEngine } from './engine-process-spawner';
import { movableClock, until } from './test-doubles/manual-clock';
import { onlyNode, reached, runningNodes, stateOf } from './test-doubles/running-nodes';
import { SocketCoordinator } from './test-doubles/socket-coordinator';
import { tinyEngines } from './test-doubles/tiny-engine';

const { startCoordinator, createNode, running } = runningNodes();

/** A server that is no coordinator. */
async function startStranger(status: number, port: number): Promise<{ url: string; stop(): Promise<void> }> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(status, { location: 'http://portal.example/' }).end('<title>Not a coordinator</title>');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Engines that hold layers back half-way until they are let go, and the loads that were begun. */
function gatedEngines(): {
  startEngine: StartEngine;
  engines: ReturnType<typeof tinyEngines>['engines'];
  loads: (AbortSignal | undefined)[];
  open: () => void;
} {
  const { start, engines } = tinyEngines();
  const loads: (AbortSignal | undefined)[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const startEngine: StartEngine = async () => {
    const started = await start();
    if (!started.ok) return started;
    const { engine } = started.value;
    const load = engine.loadShard.bind(engine);
    engine.loadShard = async (request, options) => {
      loads.push(options?.signal);
      options?.onProgress?.(0.25, 'a quarter');
      await gate;
      return load(request, options);
    };
    return started;
  };
  return { startEngine, engines, loads, open };
}

describe('a node whose coordinator, memory or clock is not as it was', () => {
  it('leaves everything else its turn when the engine ends while a load waits for something else', async () => {
    const coordinator = await startCoordinator();
    const { startEngine, engines, loads, open } = gatedEngines();
    const clock = movableClock();
    const { node } = createNode(coordinator.url, {}, {}, { startEngine, clock });
    let isTold = false;
    node.on('notice', () => {
      isTold = true;
    });
    node.start();
    await until(() => loads.length === 1);
    engines.at(-1)?.exit('killed');
    await until(() => isTold);
    // The next attempt is due, and the load that is under way comes first.
    clock.skippedMs += 60_000;
    node.updateReadings({});
    await new Promise((resolve) => setTimeout(resolve, 20));
    open();
    await reached(node, 'serving');
    expect(node.snapshot()).toMatchObject({ shard: { modelId: 'test/tiny' } });
  });

  it('notices a connection lost while layers load, and registers them over the next one', async () => {
    const coordinator = await startCoordinator();
    const { startEngine, loads, open } = gatedEngines();
    const { node } = createNode(coordinator.url, {}, {}, { startEngine });
    node.start();
    await until(() => loads.length === 1);
    onlyNode(coordinator).socket.terminate();
    await reached(node, 'waiting');
    expect(node.snapshot().coordinator.transport).toBeNull();
    await reached(node, 'loading');
    expect(node.snapshot()).toMatchObject({ state: { fraction: 0.25 }, coordinator: { transport: 'websocket' } });
    open();
    await reached(node, 'serving');
    expect(loads).toHaveLength(1);
    const registrations = coordinator.nodes.map((one) => SocketCoordinator.of(one, 'register-shard').length);
    expect(registrations).toEqual([0, 1]);
  });

  it('goes on loading while no coordinator is there', async () => {
    const coordinator = await SocketCoordinator.start();
    const { port } = coordinator;
    const { startEngine, loads, open } = gatedEngines();
    const { node } = createNode(coordinator.url, {}, {}, { startEngine });
    node.start();
    await until(() => loads.length === 1);
    await coordinator.stop();
    await reached(node, 'waiting');
    open();
    await until(() => node.snapshot().shard !== null);
    expect(stateOf(node)).not.toBe('serving');
    const again = await startCoordinator({}, port);
    await reached(node, 'serving');
    expect(loads).toHaveLength(1);
    expect(SocketCoordinator.of(onlyNode(again), 'register-shard')).toHaveLength(1);
  });

  it.each([
    ['abandons', 'a coordinator chose', { kind: 'automatic' }, true],
    ['goes on with', 'its person chose', { kind: 'range', start: 1, end: 2 }, false],
  ] as const)(
    'goes to another coordinator at once, and %s the layers %s',
    async (_does, _who, layerChoice, isAbandoned) => {
      const [first, second] = [await startCoordinator(), await startCoordinator()];
      const { startEngine, loads, open } = gatedEngines();
      const preferences: Partial<NodePreferences> = { layerChoice, precision: 'int8' };
      const { node } = createNode(first.url, preferences, {}, { startEngine });
      node.start();
      await until(() => loads.length === 1);
      node.updatePreferences({ coordinatorUrl: second.url });
      await until(() => second.nodes.length === 1);
      expect(loads[0]?.aborted).toBe(isAbandoned);
      open();
      await reached(node, 'serving');
      expect(loads).toHaveLength(isAbandoned ? 2 : 1);
      expect(SocketCoordinator.of(onlyNode(first), 'register-shard')).toHaveLength(0);
      expect(SocketCoordinator.of(onlyNode(second), 'register-shard')).toHaveLength(1);
    },
  );

  it('stops loading when it is paused, and begins anew afterwards', async () => {
    const coordinator = await startCoordinator();
    const { startEngine, loads, open } = gatedEngines();
    const { node } = createNode(coordinator.url, {}, {}, { startEngine });
    node.start();
    await until(() => loads.length === 1);
    node.pause();
    await reached(node, 'paused');
    expect(loads[0]?.aborted).toBe(true);
    open();
    node.resume();
    await reached(node, 'serving');
    expect(loads).toHaveLength(2);
  });

  it('tries again after a while where the memory does not suffice, and at once when the limit is changed', async () => {
    const coordinator = await startCoordinator();
    const clock = movableClock();
    const { node, engines } = createNode(coordinator.url, { memoryBudgetBytes: 50 }, {}, { clock });
    const loads = (): number => engines[0]?.loads.length ?? 0;
    node.start();
    await reached(node, 'waiting');
    const { state } = node.snapshot();
    expect(state).toMatchObject({ error: { code: 'memory-insufficient' }, retryAt: expect.any(String) });
    const before = loads();
    // Whatever else happens meanwhile changes nothing, and the reason stays.
    node.updateReadings({ idleSeconds: 1 });
    onlyNode(coordinator).socket.terminate();
    await until(() => coordinator.nodes.length === 2 && stateOf(node) === 'waiting');
    expect(node.snapshot().state).toEqual(state);
    expect(loads()).toBe(before);
    clock.skippedMs = 200_000;
    node.updateReadings({ idleSeconds: 2 });
    await until(() => loads() === 2 * before);
    await reached(node, 'waiting');
    node.updatePreferences({ memoryBudgetBytes: null });
    await reached(node, 'serving');
  });

  it('waits no longer when the time of day is set back', async () => {
    const probe = await SocketCoordinator.start();
    const { port } = probe;
    await probe.stop();
    const clock = movableClock();
    const { node } = createNode(`http://127.0.0.1:${port}`, {}, {}, { clock });
    node.start();
    await reached(node, 'waiting');
    clock.setByMs = -3 * 3_600_000;
    const coordinator = await startCoordinator({}, port);
    await reached(node, 'serving');
    expect(onlyNode(coordinator).shard).not.toBeNull();
  });

  it.each([302, 404, 500])(
    'comes back to a coordinator it knows after something else answered %i there',
    async (status) => {
      const coordinator = await SocketCoordinator.start();
      const { port } = coordinator;
      const clock = movableClock();
      const { node } = createNode(coordinator.url, {}, {}, { clock });
      node.start();
      await reached(node, 'serving');
      await coordinator.stop();
      const stranger = await startStranger(status, port);
      await until(() => {
        const { state } = node.snapshot();
        return state.kind === 'waiting' && state.error.code.match(/^coordinator-(not-tore|fault)$/) !== null;
      });
      await stranger.stop();
      const again = await startCoordinator({}, port);
      await reached(node, 'serving');
      expect(onlyNode(again).shard).not.toBeNull();
    },
  );

  it('does not come back by itself to an address where no coordinator ever was', async () => {
    const stranger = await startStranger(404, 0);
    running.push(stranger);
    const { node } = createNode(stranger.url);
    node.start();
    await reached(node, 'failed');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'coordinator-not-tore' } });
  });
});
