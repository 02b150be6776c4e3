import { expect, it } from 'vitest';
import { systemRandom } from '../clock';
import { ReuseScopes } from './reuse-scopes';

const DAY_MS = 86_400_000;
let nowMs = 20_000 * DAY_MS;
const scopes = new ReuseScopes(systemRandom, { nowMs: () => nowMs });

it('gives requests of one requester one name, and others another one', () => {
  const node = { nodeId: 'a' };
  const session = { ...node, sessionId: 's' };
  const requesters = [
    node,
    { nodeId: 'b' },
    session,
    { ...session, participantId: 'p' },
    { ...session, participantId: 'q' },
  ];
  const names = requesters.map((requester) => scopes.of(requester));
  expect(new Set(names).size).toBe(requesters.length);
  expect(requesters.map((requester) => scopes.of({ ...requester }))).toEqual(names);
  expect(names.join()).not.toContain('a,');
});

it('gives requesters of another coordinator none', () => {
  expect(scopes.of({ nodeId: 'federation:x', account: {} })).toBeNull();
});

it('gives other names the next day, and after a restart', () => {
  const before = scopes.of({ nodeId: 'a' });
  expect(new ReuseScopes(systemRandom, { nowMs: () => nowMs }).of({ nodeId: 'a' })).not.toBe(before);
  nowMs += DAY_MS;
  expect(scopes.of({ nodeId: 'a' })).not.toBe(before);
});
