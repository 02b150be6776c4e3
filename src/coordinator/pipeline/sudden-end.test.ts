import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKillableCoordinator, type KillableCoordinator } from '../testing/killable-coordinator';
import { serveFirst, serveLast, WsNode } from '../testing/ws-node';

/* A coordinator process is killed under load, again and again, and started over the same database. */

type Json = Record<string, unknown>;

const ENDS = 20;
const ASKERS = 4;
const GRANT_GFT = 1_000;

let coordinator: KillableCoordinator;

const url = (): string => coordinator.url;

async function getJson(path: string): Promise<Json> {
  return (await (await fetch(url() + path)).json()) as Json;
}

/** A participant that connects again by itself until it is told to stop. */
class Member {
  node: WsNode | null = null;
  nodeId = '';
  private key: WsNode['key'] | undefined;

  constructor(private readonly settle: (node: WsNode) => Promise<void>) {}

  async connected(): Promise<WsNode> {
    for (;;) {
      if (this.node !== null && this.node.closed === null) return this.node;
      try {
        const node = await WsNode.connect(url(), this.key);
        this.key = node.key;
        if (node.nodeId === '') await node.register();
        this.nodeId = node.nodeId;
        await this.settle(node);
        this.node = node;
        return node;
      } catch {
        await sleep(20);
      }
    }
  }

  /** Keeps it connected in the background. */
  async stay(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const node = await Promise.race([this.connected(), sleep(100)]);
      if (node !== undefined) await Promise.race([node.untilClosed(), sleep(100)]);
    }
  }
}

beforeAll(async () => {
  coordinator = await startKillableCoordinator(GRANT_GFT * 1_000_000);
});
afterAll(() => coordinator.remove());

describe('a coordinator that is killed', () => {
  it(`keeps the chain and every balance right, over ${ENDS} ends under load`, async () => {
    const load = { isOver: false };
    const first = new Member(async (node) => {
      serveFirst(node);
      expect((await node.registerShard(0, 3))['ok']).toBe(true);
    });
    const last = new Member(async (node) => {
      serveLast(node);
      expect((await node.registerShard(4, 7))['ok']).toBe(true);
    });
    const keeping = [first, last].map((member) => member.stay(() => load.isOver));
    const outcomes = new Map<string, Json>();
    const ask = async (member: Member): Promise<void> => {
      while (!load.isOver) {
        const requestId = randomUUID();
        // The same request until its end has arrived, over as many connections as that takes.
        for (let tries = 0; ; tries += 1) {
          const node = await member.connected();
          const reply = await node.callOrLoss({
            type: 'generate',
            request_id: requestId,
            model_id: 'org/test-model',
            prompt: 'hello',
            max_new_tokens: 12,
            sampling: { temperature: 0, top_k: 0, top_p: 1 },
            ...(tries === 0 ? {} : { resume_from: 0 }),
          });
          if (reply?.['ok'] === true) {
            outcomes.set(requestId, reply['value'] as Json);
            break;
          }
          const code = (reply?.['error'] as Json | undefined)?.['code'];
          // Settled just before the end: the charge is there, its answer is lost with the process.
          if (code === 'request-id-used') break;
          if (load.isOver) break;
          await sleep(10);
        }
      }
    };
    const askers = Array.from({ length: ASKERS }, () => new Member(() => Promise.resolve()));
    const asking = askers.map(ask);
    for (let end = 0; end < ENDS; end += 1) {
      const before = outcomes.size;
      // Under load: answers arrive before and, at an odd moment, while the process ends.
      await expect.poll(() => outcomes.size, { timeout: 30_000, interval: 5 }).toBeGreaterThan(before + 2);
      await sleep((end * 7) % 40);
      await coordinator.kill();
      await coordinator.start();
    }
    load.isOver = true;
    await Promise.all([...asking, ...keeping]);

    expect(await getJson('/tokens/ledger/verify')).toMatchObject({ chain_valid: true });
    const seen = new Set<string>();
    for (const { nodeId } of askers) {
      const { entries } = (await getJson(`/tokens/${nodeId}/history?limit=1000`)) as { entries: Json[] };
      const redemptions = entries.filter((entry) => entry['event_type'] === 'redemption');
      let spent = 0;
      for (const entry of redemptions) {
        const requestId = String(entry['inference_request_id']);
        expect(seen.has(requestId)).toBe(false);
        seen.add(requestId);
        spent += Math.round(Number(entry['amount']) * 1_000_000);
        const outcome = outcomes.get(requestId);
        if (outcome !== undefined) {
          expect(Math.abs(Math.round(Number(entry['amount']) * 1e6))).toBe(
            Math.round(Number(outcome['gft_deducted']) * 1e6),
          );
        }
      }
      const { balance } = await getJson(`/tokens/${nodeId}/balance`);
      expect(Math.round(Number(balance) * 1_000_000)).toBe(GRANT_GFT * 1_000_000 - Math.abs(spent));
    }
    for (const requestId of outcomes.keys()) expect(seen).toContain(requestId);
  }, 180_000);
});
