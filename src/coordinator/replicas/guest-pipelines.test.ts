import { expect, it } from 'vitest';
import { RelayRouter, type NodeLink } from '../pipeline/relay-router';
import { GuestPipelines } from './guest-pipelines';

const PIPELINE = '11111111-1111-4111-8111-111111111111';
const lost = { kind: 'lost' } as const;

it('keeps no part in a pipeline of a node that has left, however late its driver hears of that', async () => {
  const router = new RelayRouter();
  const link: NodeLink = { send: () => Promise.resolve(true), sendFrame: () => Promise.resolve(true) };
  const connected = new Map([['here', link]]);
  const told: unknown[] = [];
  const guests = new GuestPipelines({ linkTo: (nodeId) => connected.get(nodeId) ?? null }, router, {
    tell: (_replicaId, message) => told.push(message),
  });
  const begin = { type: 'pipeline-begin', request_id: PIPELINE, positions: 1 } as const;
  expect(await guests.command('driver', 'here', begin)).toBe(true);
  expect(await guests.command('driver', 'gone', begin)).toBe(false);
  expect(router.route('gone', PIPELINE, lost)).toBe('foreign');
  expect(router.route('here', PIPELINE, lost)).toBe('taken');
  expect(told).toMatchObject([{ kind: 'event', nodeId: 'here', event: lost }]);
});
