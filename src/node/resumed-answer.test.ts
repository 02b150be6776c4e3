import { randomUUID } from 'node:crypto';
import { connect as dial, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../coordinator/testing/start-coordinator';
import { serveFirst, serveLast, WsNode } from '../coordinator/testing/ws-node';
import { success } from '../protocol/result';
import { systemClock } from './clock';
import { connectToCoordinator } from './coordinator-client/connect';
import type { CoordinatorConnection, GenerateOptions, ResumePoint } from './coordinator-client/coordinator-client';
import { openIdentity, type NodeIdentity } from './identity/node-identity';
import { silentLogger } from './logger';
import { Requester } from './requester';

let target: TestCoordinator;
let proxy: Server;
let url: string;
/** The ends of the line that face the requester. */
let near: Socket[] = [];
let far: Socket[] = [];
let nodes: WsNode[] = [];
/** Tokens as they came over the connections. */
let arrived: number[] = [];

beforeEach(async () => {
  target = await startTestCoordinator();
  proxy = createServer((socket) => {
    const onward = dial(Number(new URL(target.url).port));
    near.push(socket);
    far.push(onward);
    for (const end of [socket, onward]) end.on('error', () => undefined);
    socket.on('data', (bytes) => onward.write(bytes));
    onward.on('data', (bytes) => socket.write(bytes));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const node of nodes) node.drop();
  for (const end of [...near, ...far]) end.destroy();
  [nodes, near, far, arrived] = [[], [], [], []];
  await new Promise<void>((resolve) => void proxy.close(() => resolve()));
  await target.coordinator.stop();
});

async function newIdentity(): Promise<NodeIdentity> {
  const identity = await openIdentity({
    location: 'memory',
    load: async () => success(null),
    save: async () => success(undefined),
  });
  if (!identity.ok) throw new Error(identity.error.message);
  return identity.value;
}

async function connect(identity: NodeIdentity, resume: ResumePoint | null): Promise<CoordinatorConnection> {
  const connected = await connectToCoordinator({
    url,
    accessToken: null,
    identity,
    clock: systemClock,
    logger: silentLogger,
    resume,
    storedNodeId: null,
    onEvent: () => undefined,
  });
  if (!connected.ok) throw new Error(connected.error.message);
  const connection = connected.value;
  const generate = connection.generate.bind(connection);
  connection.generate = (request, options) => {
    const onToken: GenerateOptions['onToken'] = (token) => {
      arrived.push(token.index);
      options.onToken?.(token);
    };
    return generate(request, { ...options, onToken });
  };
  return connection;
}

/** Registers who asks; returns its node id. */
async function register(connection: CoordinatorConnection, { publicKey }: NodeIdentity): Promise<string> {
  const node = await connection.registerNode({
    public_key: publicKey,
    hardware_profile: {
      gpu_model: null,
      gpu_memory_gb: null,
      cpu_model: 'Test Processor',
      cpu_cores: 4,
      ram_gb: 8,
      matmul_score: 0.1,
      memory_score: 0.1,
      latency_score: 0.1,
      fingerprint: publicKey.slice(0, 32),
    },
    max_gpu_utilization: 0.8,
    protocol_version: '0.1',
  });
  if (!node.ok) throw new Error(node.error.message);
  return node.value.nodeId;
}

it('takes the rest of an answer from a coordinator that has not noticed the loss of the line yet', async () => {
  let open = (): void => undefined;
  const gate = new Promise<boolean>((resolve) => {
    open = () => resolve(true);
  });
  const [first, last] = [await WsNode.connect(target.url), await WsNode.connect(target.url)];
  nodes = [first, last];
  for (const node of nodes) await node.register();
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  serveFirst(first);
  serveLast(last, { beforeToken: (index) => (index < 2 ? true : gate) });

  const identity = await newIdentity();
  let connection = await connect(identity, null);
  const nodeId = await register(connection, identity);
  const heard: string[] = [];
  const answer = await new Requester(() => ({ coordinatorUrl: url, accessToken: null })).generate(
    async (lost) => {
      if (lost !== null) connection = await connect(identity, lost.resumePoint());
      return connection;
    },
    {
      requestId: randomUUID(),
      modelId: 'org/test-model',
      prompt: 'hello',
      maxNewTokens: 5,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    },
    {
      onStarted: ({ isResumed }) => {
        heard.push(isResumed === true ? 'resumed' : 'started');
        if (isResumed === true) open();
      },
      onToken: ({ index, text }) => {
        heard.push(text);
        // Only the requester's end goes: the coordinator still holds the other one.
        if (index === 1) for (const socket of near.splice(0)) socket.destroy();
      },
    },
  );
  connection.close();
  expect(answer).toMatchObject({ ok: true, value: { text: 'ABCDE', tokens: 5 } });
  expect(heard).toEqual(['started', 'A', 'B', 'resumed', 'C', 'D', 'E']);
  expect(arrived).toEqual([0, 1, 2, 3, 4]);
  const history = (await (await fetch(`${target.url}/tokens/${nodeId}/history?limit=100`)).json()) as {
    entries: { event_type: string }[];
  };
  expect(history.entries.filter((entry) => entry.event_type === 'redemption')).toHaveLength(1);
});
