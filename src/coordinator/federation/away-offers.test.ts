import { v7 } from 'uuid';
import { expect, it, vi } from 'vitest';
import type { SessionOffer } from '../../protocol/wire/session-messages';
import type { AwayIndex } from './away-index';
import { AwayOffers } from './away-offers';
import type { Peer } from './peer';

const offer = (): SessionOffer => ({ session_id: v7(), agreement_ref: 'agreement' }) as unknown as SessionOffer;

it('takes the newest list of a peer, looks through one at a time, and skips those that another has replaced', async () => {
  const peer = { publicKey: 'key of A' } as unknown as Peer;
  const offered = new Map<Peer, readonly SessionOffer[]>();
  const index = { lines: new Map([[peer, {}]]), offered, agreementProblem: () => null, awayOf: () => null };
  const looked: string[] = [];
  const waiting: (() => void)[] = [];
  const isHosted = (sessionId: string): Promise<boolean> => {
    looked.push(sessionId);
    return new Promise((resolve) => waiting.push(() => resolve(false)));
  };
  const offers = new AwayOffers(
    index as unknown as AwayIndex,
    { sessions: { isHosted }, rooms: { connectedKeys: () => [] } } as unknown as ConstructorParameters<
      typeof AwayOffers
    >[1],
  );
  const [first, ...later] = [offer(), offer(), offer(), offer()];
  const newest = later.at(-1);
  if (first === undefined || newest === undefined) throw new Error('there are four');
  const taken = [first, ...later].map((one) => offers.take(peer, [one]));
  expect(looked).toEqual([first.session_id]);
  waiting.shift()?.();
  await vi.waitFor(() => expect(looked).toEqual([first.session_id, newest.session_id]), { timeout: 20_000 });
  waiting.shift()?.();
  await Promise.all(taken);
  expect(offered.get(peer)).toEqual([newest]);
});
