import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AgreementTerms } from '../../protocol/trust/agreement';
import type { CoordinatorOptions } from '../config';
import { grant, PARTY_A, PARTY_B, startPair, terminationOf, type RunningPair } from '../testing/federation-pair';
import { TINY, TINY_SURROUNDINGS, TinyShards, type Answer } from '../testing/layers-of-both';
import type { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;
type Range = readonly [first: number, last: number];

const WITHIN = { timeout: 20_000 };
const LONG_PROMPT = 'The small boat went over the sea and the sea was calm and wide. '.repeat(12);

let tiny: TinyShards;
let undisturbed: readonly number[];
let pair: RunningPair;

beforeAll(async () => {
  tiny = await TinyShards.start();
  undisturbed = await tiny.undisturbed();
}, 60_000);
afterAll(() => tiny.stop());
afterEach(async () => {
  tiny.dropNodes();
  await pair.stop();
});

/** @param servedByB - the limits of what B serves for A */
async function start(
  servedByB: Record<string, unknown> = {},
  a: Partial<CoordinatorOptions> = {},
  terms: Partial<AgreementTerms> = {},
): Promise<void> {
  const resources = [grant(PARTY_A.nodeId), grant(PARTY_B.nodeId, servedByB)];
  const options = { a: { ...TINY, ...a }, b: { ...TINY, tokenEconomy: true }, surroundings: TINY_SURROUNDINGS };
  pair = await startPair({ resources, ...terms }, options);
}

async function serveAt(side: 'a' | 'b', ...ranges: readonly Range[]): Promise<WsNode[]> {
  const nodes: WsNode[] = [];
  for (const range of ranges) nodes.push(await tiny.serve(pair[side].url, range));
  return nodes;
}

async function peerOf(side: 'a' | 'b'): Promise<Json> {
  const { body } = await pair.admin(side, 'GET', '/admin/federation');
  return (body['peers'] as Json[])[0] as Json;
}

async function refusals(side: 'a' | 'b'): Promise<unknown[]> {
  return ((await peerOf(side))['refusals'] as Json[]).map(({ code }) => code);
}

/** Asks until the layers of B are known at A. */
async function askWhenThere(user: WsNode, more: Json = {}): Promise<Answer> {
  let answer = await tiny.ask(user, more);
  await expect
    .poll(async () => {
      if (answer.reply['ok'] !== true) answer = await tiny.ask(user, more);
      return answer.reply['ok'];
    }, WITHIN)
    .toBe(true);
  return answer;
}

function valueOf({ reply }: Answer): Json {
  return reply['value'] as Json;
}

function hopsOf(answer: Answer): unknown[] {
  return (valueOf(answer)['pipeline'] as Json[]).map((hop) => [hop['layer_start'], hop['layer_end'], hop['transport']]);
}

async function balanceOf(side: 'a' | 'b', { nodeId }: WsNode): Promise<number> {
  const response = await fetch(`${pair[side].url}/tokens/${nodeId}/balance`);
  return Number(((await response.json()) as Json)['balance']);
}

/** Both ledgers have the same entries, and nothing is owed. */
async function expectReconciled(): Promise<Json[]> {
  for (const side of ['a', 'b'] as const) {
    await expect.poll(async () => (await peerOf(side))['settled'], WITHIN).toMatchObject({ owed: 0, refused: 0 });
  }
  const [atA, atB] = [(await peerOf('a'))['settled'] as Json, (await peerOf('b'))['settled'] as Json];
  expect(atA['consumed']).toEqual(atB['served']);
  const compared = await pair.admin('a', 'POST', '/admin/federation/peers/Coordinator%20B/reconcile');
  expect(compared.body).toMatchObject({ statements: [{ state: 'equal', differences: [] }] });
  const [today] = compared.body['statements'] as { statement: { entries: Json[] } }[];
  return today?.statement.entries ?? [];
}

describe('one pipeline of two coordinators', () => {
  it('answers with middle layers at the peer what one node would, and settles them layer by layer', async () => {
    await start({ data: 'requester-ends' });
    const [own] = await serveAt('a', [0, 1], [6, 7]);
    const [third] = await serveAt('b', [2, 3], [4, 5]);
    const user = await tiny.user(pair.a.url);
    const [ownBefore, thirdBefore] = [await balanceOf('a', own as WsNode), await balanceOf('b', third as WsNode)];
    const answer = await askWhenThere(user);
    expect(answer.tokens).toEqual(undisturbed);
    expect(hopsOf(answer)).toEqual([
      [0, 1, 'ws-relay'],
      [2, 5, 'federation'],
      [6, 7, 'ws-relay'],
    ]);
    // The list of models says that it can be asked for, and with whom.
    const listed = (await (await fetch(`${pair.a.url}/inference/models`)).json()) as Json;
    expect(listed['models']).toMatchObject([{ pipeline_available: true, served_by: 'Coordinator B' }]);
    const status = (await (await fetch(`${pair.a.url}/inference/pipeline/${tiny.modelId}`)).json()) as Json;
    expect(status).toMatchObject({ available: true, layers_missing: [2, 3, 4, 5] });
    const entries = await expectReconciled();
    const value = valueOf(answer);
    // Every position but that of the last token, which nobody had to read.
    const positions = Number(value['input_tokens']) + Number(value['tokens']) - 1;
    expect(entries).toMatchObject([
      { layers: { layer_start: 2, layer_end: 5 }, input_tokens: positions, output_tokens: 0 },
    ]);
    expect(value['federation']).toMatchObject({
      coordinator: 'Coordinator B',
      amount: entries[0]?.['amount'],
      entry_ref: entries[0]?.['consumer_ref'],
      peer_ledger_ref: entries[0]?.['server_ref'],
    });
    // The user pays the usual price, and every node earns for its own layers at its own coordinator.
    expect(await balanceOf('a', user)).toBeCloseTo(10 - Number(value['gft_deducted']), 5);
    expect(await balanceOf('a', own as WsNode)).toBeGreaterThan(ownBefore);
    expect(await balanceOf('b', third as WsNode)).toBeGreaterThan(thirdBefore);
    const { body } = await pair.admin('b', 'GET', '/admin/federation');
    expect(JSON.stringify(body)).not.toContain(user.nodeId);
  });

  it.each<[string, readonly Range[], readonly Range[]]>([
    ['the first layers', [[4, 7]], [[0, 3]]],
    [
      'the last layers',
      [[0, 3]],
      [
        [4, 5],
        [6, 7],
      ],
    ],
    [
      'both ends',
      [[2, 5]],
      [
        [0, 1],
        [6, 7],
      ],
    ],
    [
      'all but the first layer',
      [[0, 0]],
      [
        [1, 3],
        [4, 7],
      ],
    ],
  ])('answers with %s at the peer, where the agreement lets it read them', async (_what, own, theirs) => {
    await start();
    await serveAt('a', ...own);
    await serveAt('b', ...theirs);
    expect((await askWhenThere(await tiny.user(pair.a.url))).tokens).toEqual(undisturbed);
    await expectReconciled();
  });

  it('sends long prompts in chunks, guesses ahead and answers several at once', async () => {
    await start({ data: 'requester-ends' });
    await serveAt('a', [0, 1], [6, 7]);
    await serveAt('b', [2, 3], [4, 5]);
    const long = { prompt: LONG_PROMPT, max_new_tokens: 20, sampling: { temperature: 0, top_k: 0, top_p: 1 } };
    const expected = await tiny.undisturbed(long);
    const user = await tiny.user(pair.a.url);
    await askWhenThere(user);
    const answers = await Promise.all([tiny.ask(user, long), tiny.ask(user), tiny.ask(user, long), tiny.ask(user)]);
    expect(answers.map(({ tokens }) => tokens)).toEqual([expected, undisturbed, expected, undisturbed]);
    await expectReconciled();
  });

  it.each(['f16', 'int8'] as const)('codes activations in %s as between nodes', async (activationDtype) => {
    await start({}, { activationDtype });
    await serveAt('a', [0, 1], [6, 7]);
    await serveAt('b', [2, 5]);
    const across = await askWhenThere(await tiny.user(pair.a.url));
    await serveAt('a', [2, 5]);
    const alone = await tiny.ask(await tiny.user(pair.a.url));
    expect(hopsOf(alone)).toEqual([0, 2, 6].map((first) => [first, expect.any(Number), 'ws-relay']));
    expect(across.tokens).toEqual(alone.tokens);
    expect(across.tokens).toHaveLength(12);
  });

  it('is the last choice: own nodes alone come first, then the peer for the whole request', async () => {
    await start();
    await serveAt('a', [0, 1], [6, 7]);
    await serveAt('b', [2, 5]);
    const user = await tiny.user(pair.a.url);
    expect(hopsOf(await askWhenThere(user))).toContainEqual([2, 5, 'federation']);
    await serveAt('b', [0, 1], [6, 7]);
    await expect.poll(async () => valueOf(await tiny.ask(user))['backend'], WITHIN).toBe('federated');
    await serveAt('a', [2, 5]);
    const own = await tiny.ask(user);
    expect(valueOf(own)).toMatchObject({ backend: 'distributed' });
    expect(valueOf(own)['federation']).toBeUndefined();
  });

  it('goes on token by token when a node of the peer is lost and another has its layers', async () => {
    await start({ data: 'requester-ends' });
    await serveAt('a', [0, 1], [6, 7]);
    let doomed: WsNode | null = null;
    let isLost = false;
    doomed = await tiny.serve(pair.b.url, [4, 5], (position) => {
      if (position < 12 || isLost) return;
      isLost = true;
      doomed?.drop();
    });
    await serveAt('b', [2, 3]);
    const user = await tiny.user(pair.a.url);
    const more = { max_new_tokens: 12 };
    const asked = askWhenThere(user, more);
    await expect.poll(() => isLost, WITHIN).toBe(true);
    await serveAt('b', [4, 5]);
    const answer = await asked;
    expect(answer.tokens).toEqual(undisturbed);
    // What was done before the loss, and what was done again for the replay and after it.
    expect((await expectReconciled()).length).toBeGreaterThan(1);
  });
});

describe('the terms of a hop', () => {
  it('keep both ends with the requester', async () => {
    await start({ data: 'requester-ends' });
    await serveAt('a', [0, 3]);
    await serveAt('b', [0, 3], [4, 5], [6, 7]);
    const user = await tiny.user(pair.a.url);
    await expect.poll(async () => ((await peerOf('a'))['link'] as Json)['state'], WITHIN).toBe('up');
    expect((await tiny.ask(user)).reply).toMatchObject({ ok: false, error: { code: 'pipeline-unavailable' } });
    await serveAt('a', [6, 7]);
    const answer = await askWhenThere(user);
    expect(answer.tokens).toEqual(undisturbed);
    expect(hopsOf(answer)).toContainEqual([4, 5, 'federation']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['other models', { models: ['org/another'] }],
    ['other hours', { hours: closedHours() }],
    ['nothing under this kind', { kind: 'disk-space' }],
  ])('offer nothing where they cover %s', async (_what, limits) => {
    await start(limits);
    await serveAt('a', [0, 1], [6, 7]);
    await serveAt('b', [2, 5]);
    await expect.poll(async () => ((await peerOf('a'))['link'] as Json)['state'], WITHIN).toBe('up');
    await expect
      .poll(async () => ((await (await fetch(`${pair.b.url}/inference/models`)).json()) as Json)['models'], WITHIN)
      .toMatchObject([{ registry: { online: 1 } }]);
    const { reply } = await tiny.ask(await tiny.user(pair.a.url));
    // A peer that knows the model is asked for the whole of it, and says why not.
    expect(['pipeline-unavailable', 'terms-refused']).toContain((reply['error'] as Json)['code']);
    expect((await peerOf('b'))['settled']).toMatchObject({ served: { requests: 0 } });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['tokens', { max_new_tokens: 11 }, 'terms-tokens'],
    ['requests a minute', { max_requests_per_minute: 0 }, 'terms-rate'],
    ['requests at once', { max_requests_at_once: 0 }, 'terms-rate'],
    ['a total', { max_amount: 0.01 }, 'terms-total'],
  ])('bound %s where it is served, and nothing is charged', async (_what, limits, code) => {
    await start(limits);
    await serveAt('a', [0, 1], [6, 7]);
    await serveAt('b', [2, 5]);
    const user = await tiny.user(pair.a.url);
    await expect
      .poll(async () => ((await tiny.ask(user)).reply['error'] as Json)['message'], WITHIN)
      .toContain('agreement');
    expect(await refusals('b')).toContain(code);
    expect(await balanceOf('a', user)).toBe(10);
    expect((await peerOf('b'))['settled']).toMatchObject({ served: { requests: 0 } });
  });

  it('end with the agreement, in the middle of an answer, which costs the user nothing', async () => {
    await start({ data: 'requester-ends' }, { replacementWaitSeconds: 0.2 });
    await serveAt('a', [0, 1], [6, 7]);
    let isEnded = false;
    await tiny.serve(pair.b.url, [2, 5], async (position) => {
      if (position < 14 || isEnded) return;
      isEnded = true;
      const notice = terminationOf(pair.files.agreement, '2026-02-01T00:00:00.000Z', PARTY_B);
      await fetch(`${pair.b.url}/federation/terminations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(notice),
      });
    });
    const user = await tiny.user(pair.a.url);
    let reply: Json = {};
    await expect
      .poll(async () => {
        reply = (await tiny.ask(user)).reply;
        return isEnded;
      }, WITHIN)
      .toBe(true);
    expect(reply).toMatchObject({ ok: false, error: { code: 'node-lost', retryable: true } });
    expect(await balanceOf('a', user)).toBe(10);
    // What was done by then is booked where it was done.
    await expect.poll(async () => (await peerOf('b'))['settled'], WITHIN).toMatchObject({ served: { requests: 1 } });
    expect((await tiny.ask(user)).reply).toMatchObject({ ok: false, error: { code: 'pipeline-unavailable' } });
  });
});

/** An hour that is not the one of now. */
function closedHours(): { from: string; to: string } {
  const hour = (new Date().getUTCHours() + 6) % 24;
  const text = (value: number): string => `${String(value % 24).padStart(2, '0')}:00`;
  return { from: text(hour), to: text(hour + 1) };
}
