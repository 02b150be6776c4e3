import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HardwareProfile } from '../protocol/compute/http/nodes';
import { failure, success, type Result } from '../protocol/result';
import { systemClock } from './clock';
import type { CoordinatorConnection } from './coordinator-client/coordinator-client';
import { silentLogger } from './logger';
import { NodeView } from './node-view';
import type { PreparedNode } from './preparation';
import { Registration } from './registration';

const BASE_URL = 'http://tore.example';

let dataFolder: string;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'tore-registration-'));
});
afterEach(() => rm(dataFolder, { recursive: true, force: true }));

/** A node on a machine of this fingerprint. */
function nodeOn(fingerprint: string): PreparedNode {
  const scores = { matmul_score: 0.5, memory_score: 0.5, latency_score: 0.5 };
  const profile: HardwareProfile = { cpu_model: 'x', cpu_cores: 2, ram_gb: 8, ...scores, fingerprint };
  const prepared = { identity: { publicKey: 'key' }, hardware: { profileFor: () => profile } };
  return prepared as unknown as PreparedNode;
}

/** A coordinator that knows the node, and answers so when it is told of other hardware. */
function coordinator(answer: () => Result<void>): { connection: CoordinatorConnection; told: string[] } {
  const told: string[] = [];
  const connection = {
    info: { baseUrl: BASE_URL },
    knownNode: { nodeId: 'n', hardwareClass: null, multiplier: null, reliability: null, balanceMicroGft: null },
    updateHardware: async ({ hardware_profile: { fingerprint } }: { hardware_profile: HardwareProfile }) => {
      told.push(fingerprint);
      return answer();
    },
  };
  return { connection: connection as unknown as CoordinatorConnection, told };
}

it('reports other hardware until the coordinator has taken it', async () => {
  const registration = new Registration(dataFolder, new NodeView(systemClock, silentLogger), silentLogger);
  let answer: Result<void> = success(undefined);
  const { connection, told } = coordinator(() => answer);
  const start = async (fingerprint: string): Promise<void> => {
    const prepared = nodeOn(fingerprint);
    const record = await registration.find(BASE_URL, prepared);
    if (!record.ok) throw new Error(record.error.message);
    expect(await registration.register(connection, prepared, record.value)).toMatchObject({ ok: true });
  };
  await start('old');
  answer = failure('coordinator-fault', 'The coordinator answered with status 500.');
  await start('new');
  answer = success(undefined);
  await start('new');
  await start('new');
  expect(told).toEqual(['new', 'new']);
});
