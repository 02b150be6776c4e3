import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ForeignPeer } from '../testing/foreign-peer';
import { aboutHop, beginHop, hopFrame, HostileTarget, MAX_POSITIONS, offerOf } from '../testing/hostile-target';
import { serveLast } from '../testing/ws-node';

/* A peer whose hop goes back to positions that are done: they are paid for once. */

let target: HostileTarget;

beforeEach(async () => {
  target = await HostileTarget.start();
});
afterEach(() => target.stop());

/** Sends a step after each answer; how many were answered until the hop was ended, and why. */
async function goOn(
  peer: ForeignPeer,
  hopId: string,
  step: (number: number) => Buffer,
  most: number,
): Promise<{ answered: number; end: Record<string, unknown> | undefined }> {
  const answers = (): number =>
    peer.frames.length + peer.messages.filter(({ type, hop_id: id }) => type === 'hop-token' && id === hopId).length;
  const ended = (): Record<string, unknown> | undefined => peer.messages.find(({ type }) => type === 'hop-ended');
  for (let number = 1; number <= most && ended() === undefined; number += 1) {
    const before = answers();
    peer.sendFrame(step(number));
    await expect.poll(() => answers() > before || ended() !== undefined, { timeout: 20_000, interval: 2 }).toBe(true);
  }
  return { answered: answers(), end: ended() };
}

it('has no more tokens drawn than the hop was opened for, but for a few that a repair may have lost', async () => {
  serveLast(await target.nodeWith(4, 7));
  const { peer } = await target.link();
  const hopId = await beginHop(peer, await offerOf(peer, 4, 7));
  const step = (number: number): Buffer =>
    number === 1 ? hopFrame(hopId) : hopFrame(hopId, { step: number, position: 4, positions: 1 });
  const { answered, end } = await goOn(peer, hopId, step, 60);
  expect(end).toMatchObject({ error: { code: 'hop-over-asked' } });
  expect(answered).toBeLessThanOrEqual(4 + 16);
});

it('has positions done again only as often as guesses may turn out wrong', async () => {
  await target.serveMiddle(2, 5);
  const { peer } = await target.link();
  const hopId = await beginHop(peer, await offerOf(peer, 2, 5));
  const step = (number: number): Buffer => hopFrame(hopId, { step: number, positions: MAX_POSITIONS });
  const { end } = await goOn(peer, hopId, step, 60);
  expect(end).toMatchObject({
    error: { code: 'hop-over-asked' },
    settlement: { input_tokens: MAX_POSITIONS },
  });
  expect(aboutHop(hopId)(end ?? {})).toBe(true);
});
