import { v7 } from 'uuid';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestSigner } from '../../node/identity/request-signer';
import { startKillableCoordinator, type KillableCoordinator } from '../testing/killable-coordinator';
import { costOf, SessionClient } from '../testing/session-client';
import { newTestKey, serveFirst, serveLast, WsNode, type TestKey } from '../testing/ws-node';

/* The coordinator's process is killed between the work on an answer and the word that its cost is settled. */

type Json = Record<string, unknown>;

const ENDS = 12;
const GRANT_MICRO_GFT = 1_000_000_000;

let host: KillableCoordinator;
beforeAll(async () => {
  host = await startKillableCoordinator(GRANT_MICRO_GFT);
});
afterAll(() => host.remove());

async function memberOf(key: TestKey): Promise<WsNode> {
  const node = await WsNode.connect(host.url, key);
  if (node.nodeId === '') await node.register();
  return node;
}

describe('a session whose host is killed between service and confirmation', () => {
  it(`never holds or exports a cost that is not settled, over ${ENDS} ends`, async () => {
    const [firstKey, lastKey, adaKey] = [newTestKey(), newTestKey(), newTestKey()];
    const opening = await SessionClient.connect(host.url, 'Ada', adaKey);
    const sessionId = await opening.create();
    const { participantId } = opening;
    const greeting = await WsNode.dial(host.url);
    const coordinatorId = String((await greeting.next('hello'))['coordinator_id']);
    greeting.drop();
    const sign = requestSigner(
      { publicKey: adaKey.publicKey, sign: (text: string) => opening.sign(text) },
      coordinatorId,
    );
    const refused: number[] = [];
    const withCost: string[] = [];

    for (let end = 0; end < ENDS; end += 1) {
      const [first, last, asker] = [await memberOf(firstKey), await memberOf(lastKey), await memberOf(adaKey)];
      await first.registerShard(0, 3);
      await last.registerShard(4, 7);
      serveFirst(first);
      let killed: Promise<void> = Promise.resolve();
      serveLast(last, {
        stopAfter: 3,
        beforeToken: async (index) => {
          if (index < 2) return true;
          // Every third time before the last token is handed in, else while it is being settled.
          const isBefore = end % 3 === 0;
          killed = isBefore ? host.kill() : sleep((end * 5) % 13).then(() => host.kill());
          if (isBefore) await killed;
          return !isBefore;
        },
      });
      const request = {
        type: 'generate',
        request_id: v7(),
        model_id: 'org/test-model',
        prompt: 'hello',
        max_new_tokens: 5,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
        session_id: sessionId,
        participant_id: participantId,
      };
      const reply = await asker.callOrLoss(request);
      await killed;
      await host.start();

      // What the host kept, as its members and its export show it, holds nothing of the answer that was cut.
      const ada = await SessionClient.connect(host.url, 'Ada', adaKey);
      const entered = await ada.ask({ type: 'session-enter', session_id: sessionId, after_seq: 0 });
      expect((entered['turns'] as Json[]).length).toBe(end);
      const outcome = reply?.['ok'] === true ? (reply['value'] as Json) : null;
      const answer = (cost: Json | null): Json =>
        ada.turn(sessionId, 'ABC', { author: 'model', ...(cost === null ? {} : { inference_cost: cost }) });
      if (outcome === null) {
        const pending = {
          amount: 0.000001,
          unit: 'GFT',
          model_id: request.model_id,
          coordinator_id: coordinatorId,
          input_tokens: 5,
          output_tokens: 3,
          ledger_ref: request.request_id,
          confirmed_at: new Date().toISOString(),
        };
        expect(await ada.refusal({ type: 'session-post', session_id: sessionId, turn: answer(pending) })).toBe(
          'cost-unconfirmed',
        );
        refused.push(end);
        await ada.post(sessionId, answer(null));
      } else {
        // The word of the settlement had left the host before its end: then the ledger has it too.
        await ada.post(sessionId, answer(costOf(outcome, coordinatorId)));
        withCost.push(String(outcome['ledger_ref']));
      }
      for (const one of [first, last, asker]) one.drop();
      ada.drop();
    }

    expect(refused).toEqual(expect.arrayContaining([0, 3, 6, 9]));
    const ada = await SessionClient.connect(host.url, 'Ada', adaKey);
    const words = (await ada.ask({ type: 'session-costs', session_id: sessionId })) as unknown as Json[];
    const path = `/sessions/${sessionId}`;
    const exported = (await (await fetch(host.url + path, { headers: sign('GET', path, '') })).json()) as Json;
    const turns = (exported['session'] as Json)['turns'] as Json[];
    expect(turns).toHaveLength(ENDS);
    const costs = turns.flatMap(({ inference_cost: cost }) =>
      cost === undefined || cost === null ? [] : [cost as Json],
    );
    expect(costs.map((cost) => [cost['ledger_ref'], cost['amount']])).toEqual(
      words.map((word) => [word['ledger_ref'], word['gft']]),
    );
    expect(costs.map((cost) => cost['ledger_ref'])).toEqual(withCost);

    // Nothing was booked without its reason, and nothing twice.
    const asker = await memberOf(adaKey);
    const json = async (address: string): Promise<Json> => (await (await fetch(host.url + address)).json()) as Json;
    const { entries } = (await json(`/tokens/${asker.nodeId}/history?limit=1000`)) as { entries: Json[] };
    const redemptions = entries.filter((entry) => entry['event_type'] === 'redemption');
    expect(new Set(redemptions.map((entry) => entry['inference_request_id'])).size).toBe(redemptions.length);
    expect(redemptions.length).toBeGreaterThanOrEqual(withCost.length);
    const micro = (gft: unknown): number => Math.round(Number(gft) * 1_000_000);
    const spent = redemptions.reduce((sum, entry) => sum + Math.abs(micro(entry['amount'])), 0);
    expect(micro((await json(`/tokens/${asker.nodeId}/balance`))['balance'])).toBe(GRANT_MICRO_GFT - spent);
    expect(await json('/tokens/ledger/verify')).toMatchObject({ chain_valid: true });
  }, 120_000);
});
