import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { countFlops } from '../../protocol/compute/flops';
import { signStatement } from '../../protocol/trust/statement';
import { PARTY_B, terminationOf, type FederationFiles } from '../testing/federation-pair';
import type { ForeignPeer } from '../testing/foreign-peer';
import {
  aboutHop,
  beginHop,
  hopFrame,
  HostileTarget,
  MAX_POSITIONS,
  offerOf,
  opening,
} from '../testing/hostile-target';
import { testManifest } from '../testing/test-model';
import { serveFirst, serveLast, type WsNode } from '../testing/ws-node';

/* Peers that keep to nothing: as those that ask for layers, and as those that serve some. */

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };

let target: HostileTarget;

beforeEach(async () => {
  target = await HostileTarget.start();
});
afterEach(() => target.stop());

describe('a peer that asks for layers', () => {
  it('gets what it asks for, and pays for the positions that were done', async () => {
    const third = await target.serveMiddle(2, 3);
    await target.serveMiddle(4, 5);
    const { peer } = await target.link();
    const hopId = await beginHop(peer, await offerOf(peer, 2, 5));
    peer.sendFrame(hopFrame(hopId));
    const answer = await peer.nextFrame();
    expect([answer.readUInt16LE(26), answer.readUInt32LE(28), answer.readUInt32LE(32)]).toEqual([1, 0, 5]);
    peer.send({ type: 'hop-close', hop_id: hopId, reason: 'stop' });
    const end = await peer.next('hop-ended', aboutHop(hopId));
    const { shape } = testManifest();
    const flops = countFlops(shape, { layer_start: 2, layer_end: 5 }, 5, 0, 0);
    expect(end).toMatchObject({
      error: null,
      settlement: {
        request_id: hopId,
        layers: { layer_start: 2, layer_end: 5 },
        input_tokens: 5,
        output_tokens: 0,
        amount: Number(((flops / 1e9) * 2).toFixed(6)),
      },
    });
    expect(JSON.stringify(peer.messages)).not.toContain(third.nodeId);
  });

  it('ends its hop with the first thing that is wrong, and it is written down', async () => {
    await target.serveMiddle(2, 5);
    const { peer } = await target.link();
    const offerId = await offerOf(peer, 2, 5);
    const notFinite = (hopId: string): Buffer => {
      const bytes = hopFrame(hopId);
      bytes.writeFloatLE(Number.NaN, 40 + 4 * 7);
      return bytes;
    };
    const cases: [string, (hopId: string) => void][] = [
      ['hop-shape', (hopId) => peer.sendFrame(hopFrame(hopId, { hiddenSize: 9 }))],
      ['hop-shape', (hopId) => peer.sendFrame(hopFrame(hopId, { position: 3 }))],
      ['frame-values', (hopId) => peer.sendFrame(notFinite(hopId))],
      ['hop-over-asked', (hopId) => peer.sendFrame(hopFrame(hopId, { positions: MAX_POSITIONS + 1 }))],
      ['hop-over-asked', (hopId) => peer.send({ type: 'hop-begin', hop_id: hopId, positions: MAX_POSITIONS + 1 })],
      [
        'hop-replayed',
        (hopId) => {
          peer.sendFrame(hopFrame(hopId));
          peer.sendFrame(hopFrame(hopId));
        },
      ],
      [
        'hop-order',
        (hopId) =>
          peer.send({ type: 'hop-step', hop_id: hopId, step: 1, purpose: 'sample', position: 0, input_ids: [1] }),
      ],
    ];
    for (const [code, act] of cases) {
      const hopId = await beginHop(peer, offerId);
      act(hopId);
      expect([code, await peer.next('hop-ended', aboutHop(hopId))]).toMatchObject([code, { error: { code } }]);
      await target.expectReason(code);
    }
    expect(peer.closed).toBeNull();
    expect((await target.peerView())['traffic']).toMatchObject({ serving: 0 });
  });

  it('cannot have an own node blamed for guesses that are not those a step verifies', async () => {
    serveLast(await target.nodeWith(4, 7));
    const { peer } = await target.link();
    const offerId = await offerOf(peer, 4, 7);
    const [sample, verify] = [0, 2];
    for (const [purpose, guesses] of [
      [sample, [66]],
      [verify, [66]],
      [verify, []],
    ] as const) {
      const hopId = await beginHop(peer, offerId);
      if (guesses.length > 0) peer.send({ type: 'hop-expect', hop_id: hopId, step: 1, token_ids: guesses });
      peer.sendFrame(hopFrame(hopId, { purpose }));
      expect(await peer.next('hop-ended', aboutHop(hopId))).toMatchObject({ error: { code: 'hop-shape' } });
    }
    const hopId = await beginHop(peer, offerId);
    peer.send({ type: 'hop-expect', hop_id: hopId, step: 1, token_ids: [65] });
    peer.sendFrame(hopFrame(hopId, { purpose: verify, positions: 2 }));
    expect(await peer.next('hop-token', aboutHop(hopId))).toMatchObject({ position: 1, tokens: [{ id: 65 }] });
    expect(await (await target.admin('/challenges?limit=100')).text()).not.toContain('"passed":false');
  });

  it('can name no token outside the vocabulary, and no position the model does not have', async () => {
    serveLast(await target.nodeWith(4, 7));
    const { peer } = await target.link();
    const offerId = await offerOf(peer, 4, 7);
    const { vocabulary_size: vocabulary, context_length: context } = testManifest().shape;
    const cases: [string, Json][] = [
      ['hop-shape', { type: 'hop-expect', step: 1, token_ids: [vocabulary] }],
      ['hop-shape', { type: 'hop-begin', positions: 9, answered: { input_tokens: 1, token_ids: [vocabulary] } }],
      ['hop-over-asked', { type: 'hop-begin', positions: context + 1 }],
    ];
    for (const [code, command] of cases) {
      const open = opening(offerId, { max_positions: 16_000_000 });
      peer.send(open);
      await peer.next('hop-opened', aboutHop(open['hop_id']));
      peer.send({ ...command, hop_id: open['hop_id'] });
      expect([code, await peer.next('hop-ended', aboutHop(open['hop_id']))]).toMatchObject([code, { error: { code } }]);
    }
  });

  it('cannot name hops and offers that are not there, nor use one id twice', async () => {
    await target.serveMiddle(2, 5);
    const { peer } = await target.link();
    const offerId = await offerOf(peer, 2, 5);
    const unknown = opening(randomUUID());
    peer.send(unknown);
    expect(await peer.next('hop-ended', aboutHop(unknown['hop_id']))).toMatchObject({
      error: { code: 'offer-unknown' },
    });
    await target.expectReason('offer-unknown');
    peer.sendFrame(hopFrame(randomUUID()));
    peer.send({ type: 'hop-begin', hop_id: randomUUID(), positions: 3 });
    await target.expectReason('hop-unknown');
    const once = opening(offerId);
    peer.send(once);
    await peer.next('hop-opened', aboutHop(once['hop_id']));
    peer.send(once);
    await target.expectReason('hop-replayed');
    expect((await target.peerView())['traffic']).toMatchObject({ serving: 1 });
    // The id an offer has is of one link alone.
    const { peer: again } = await target.link();
    await offerOf(again, 2, 5);
    const stale = opening(offerId);
    again.send(stale);
    expect(await again.next('hop-ended', aboutHop(stale['hop_id']))).toMatchObject({
      error: { code: 'offer-unknown' },
    });
  });

  it('cannot pile steps up, and loses its link where a frame is larger than any may be', async () => {
    await target.serveMiddle(2, 5, false);
    const { peer } = await target.link();
    const hopId = await beginHop(peer, await offerOf(peer, 2, 5));
    for (let step = 1; step <= 17; step += 1) {
      peer.sendFrame(hopFrame(hopId, { step, position: step - 1, positions: 1 }));
    }
    expect(await peer.next('hop-ended', aboutHop(hopId))).toMatchObject({ error: { code: 'hop-over-asked' } });
    const damaged = hopFrame(hopId).subarray(0, 60);
    peer.sendFrame(damaged);
    await target.expectReason('frame-length');
    expect(peer.closed).toBeNull();
    peer.sendFrame(Buffer.alloc(9 * 1024 * 1024, 'TORE'));
    expect((await peer.untilClosed()).code).toBe(4_400);
    await target.expectReason('message-invalid');
  });

  it('is out at once when the agreement is terminated, and its hops end', async () => {
    await target.serveMiddle(2, 5);
    const { peer } = await target.link();
    const hopId = await beginHop(peer, await offerOf(peer, 2, 5));
    peer.sendFrame(hopFrame(hopId));
    await peer.nextFrame();
    await fetch(`${target.running.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(terminationOf(target.files.agreement, '2026-02-01T00:00:00.000Z', PARTY_B)),
    });
    peer.sendFrame(hopFrame(hopId, { step: 2, position: 5, positions: 1 }));
    expect((await peer.untilClosed()).code).toBe(4_403);
    expect(peer.frames).toEqual([]);
    await expect
      .poll(async () => (await target.peerView())['settled'], WITHIN)
      .toMatchObject({ served: { requests: 1 }, owed: 1 });
    expect((await target.link()).stands).toBe(false);
  });
});

/** Plays a peer that serves the layers 2 to 5: it hands every activation on, or does what a test wants instead. */
function serveAsPeer(
  peer: ForeignPeer,
  act: { frame?: (frame: Buffer) => void; settle?: (hopId: string, positions: number) => Json | null } = {},
): void {
  const reached = new Map<string, number>();
  const idOf = (bytes: Buffer): string =>
    bytes.toString('hex', 8, 24).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  peer.behave(
    (message) => {
      const hopId = String(message['hop_id']);
      if (message['type'] === 'hop-open') peer.send({ type: 'hop-opened', hop_id: hopId });
      if (message['type'] !== 'hop-close') return;
      const settlement = act.settle?.(hopId, reached.get(hopId) ?? 0) ?? null;
      peer.send({ type: 'hop-ended', hop_id: hopId, settlement, error: null });
    },
    (bytes) => {
      reached.set(idOf(bytes), bytes.readUInt32LE(28) + bytes.readUInt32LE(32));
      if (act.frame === undefined) peer.sendFrame(bytes);
      else act.frame(bytes);
    },
  );
}

function offered(first: number, last: number): Json {
  return {
    offer_id: randomUUID(),
    model_id: 'org/test-model',
    manifest_hash: target.running.manifestHash,
    precision: 'fp32',
    layer_start: first,
    layer_end: last,
  };
}

function summary(...layers: readonly Json[]): Json {
  return { type: 'summary', models: [], layers: [...layers], capacity: { requests: 9, running: 0 }, records: [] };
}

function settlement(of_: FederationFiles, hopId: string, positions: number, more: Json = {}): Json {
  const { shape } = testManifest();
  const flops = countFlops(shape, { layer_start: 2, layer_end: 5 }, positions, 0, 0);
  const facts = {
    tore_spec: 'tore-0002',
    type: 'federation-settlement',
    agreement_id: of_.agreement.id,
    request_id: hopId,
    served_by: of_.a.signer.publicKey,
    served_for: of_.b.signer.publicKey,
    model_id: 'org/test-model',
    precision: 'fp32',
    layers: { layer_start: 2, layer_end: 5 },
    input_tokens: positions,
    output_tokens: 0,
    finish_reason: 'stop',
    amount: Number(((flops / 1e9) * 2).toFixed(6)),
    unit: 'node-hours',
    settled_at: new Date().toISOString(),
    server_ref: randomUUID(),
    ...more,
  };
  return { ...signStatement(facts, of_.a.signer, nodeCryptography) };
}

async function ends(): Promise<WsNode> {
  const first = await target.nodeWith(0, 1);
  serveFirst(first);
  serveLast(await target.nodeWith(6, 7));
  return first;
}

async function ask(user: WsNode): Promise<Json> {
  return user.call({
    type: 'generate',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 3,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    precision: 'fp32',
  });
}

describe('a peer that serves layers', () => {
  it('is paid for what it was sent, not for more, other layers or another precision', async () => {
    const user = await ends();
    const { peer } = await target.link();
    peer.send(summary(offered(2, 5)));
    const lies: [string, Json, number][] = [
      ['settlement-tokens', {}, 1],
      ['settlement-tokens', { output_tokens: 1 }, 0],
      ['settlement-layers', { layers: { layer_start: 2, layer_end: 6 } }, 0],
      ['settlement-layers', { layers: undefined }, 0],
      ['settlement-layers', { precision: 'int4' }, 0],
      ['settlement-amount', { amount: 3 }, 0],
    ];
    let lie: Json = {};
    let extra = 0;
    serveAsPeer(peer, {
      settle: (hopId, positions) => {
        const made = Object.entries(lie).filter(([, value]) => value !== undefined);
        const signed = settlement(target.files, hopId, positions + extra, Object.fromEntries(made));
        if (!('layers' in lie) || lie['layers'] !== undefined) return signed;
        const { layers: _layers, signature: _signature, ...rest } = signed;
        return {
          ...signStatement(rest as Parameters<typeof signStatement>[0], target.files.a.signer, nodeCryptography),
        };
      },
    });
    await expect.poll(async () => (await ask(user))['ok'], WITHIN).toBe(true);
    for (const [code, made, more] of lies) {
      [lie, extra] = [made, more];
      // The answer is there all the same; what the peer's part costs is between the institutions.
      expect([code, await ask(user)]).toMatchObject([code, { ok: true, value: { federation: { amount: 0 } } }]);
      await target.expectReason(code);
    }
    [lie, extra] = [{}, 0];
    const { federation } = (await ask(user))['value'] as { federation: Json };
    expect(Number(federation['amount'])).toBeGreaterThan(0);
    expect(federation['coordinator']).toBe('A');
  });

  it.each<[string, (peer: ForeignPeer, frame: Buffer) => void]>([
    [
      'frame-invalid',
      (peer, bytes) => {
        const other = Buffer.from(bytes.subarray(0, 40 + 4 * 8));
        other.writeUInt32LE(1, 32);
        peer.sendFrame(other);
      },
    ],
    [
      'frame-values',
      (peer, bytes) => {
        const other = Buffer.from(bytes);
        other.writeFloatLE(Number.POSITIVE_INFINITY, 44);
        peer.sendFrame(other);
      },
    ],
    ['frame-length', (peer, bytes) => peer.sendFrame(Buffer.concat([bytes, Buffer.alloc(8)]))],
    ['hop-unknown', (peer) => peer.sendFrame(hopFrame(randomUUID()))],
  ])('and hands back what it should not (%s) is found out, and the request fails clearly', async (code, act) => {
    const user = await ends();
    const { peer } = await target.link();
    peer.send(summary(offered(2, 5)));
    let isHonest = true;
    serveAsPeer(peer, {
      frame: (bytes) => {
        if (isHonest) peer.sendFrame(bytes);
        else act(peer, bytes);
        // Where nothing comes that belongs to the step, the link ends and with it the wait.
        if (!isHonest && ['frame-length', 'hop-unknown'].includes(code)) setTimeout(() => peer.drop(), 200);
      },
    });
    await expect.poll(async () => (await ask(user))['ok'], WITHIN).toBe(true);
    isHonest = false;
    const reply = await ask(user);
    expect(reply).toMatchObject({ ok: false });
    expect(['frame-invalid', 'node-failed', 'node-lost']).toContain((reply['error'] as Json)['code']);
    await target.expectReason(code);
    // No own node is blamed for it.
    expect(await (await target.admin('/challenges?limit=100')).text()).not.toContain('"passed":false');
  });

  it('is not asked for layers the agreement keeps at home, whatever it offers', async () => {
    const first = await target.nodeWith(0, 3);
    serveFirst(first);
    const { peer } = await target.link();
    // A keeps the ends of requests away from itself: under the agreement it serves nothing but what lies between.
    peer.send(summary(offered(4, 7)));
    serveAsPeer(peer);
    await expect
      .poll(async () => Number(((await target.peerView())['traffic'] as Json)['messages_in']), WITHIN)
      .toBe(1);
    expect(await ask(first)).toMatchObject({ ok: false, error: { code: 'pipeline-unavailable' } });
    expect(peer.messages.filter(({ type }) => type === 'hop-open')).toEqual([]);
  });

  it('is not asked for whole answers where the agreement keeps the ends at home, whatever it offers', async () => {
    const user = await target.nodeWith(0, 1);
    const { peer } = await target.link();
    const whole = {
      model_id: 'org/model-of-a',
      friendly_name: 'Model of A',
      manifest_hash: 'a'.repeat(64),
      shape: testManifest().shape,
      template_bytes: 0,
      available: true,
    };
    peer.behave((message) => {
      if (message['type'] !== 'request') return;
      const error = { code: 'node-failed', message: 'It was read here.', retryable: false };
      const { request_id: id } = message;
      peer.send({ type: 'request-ended', request_id: id, finish_reason: 'error', settlement: null, error });
    });
    peer.send({ ...summary(), models: [whole] });
    await expect
      .poll(async () => Number(((await target.peerView())['traffic'] as Json)['messages_in']), WITHIN)
      .toBe(1);
    const asked = await user.call({
      type: 'generate',
      request_id: randomUUID(),
      model_id: 'org/model-of-a',
      prompt: 'a secret',
      max_new_tokens: 3,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    expect(asked).toMatchObject({ ok: false, error: { code: 'model-unknown' } });
    expect(peer.messages.filter(({ type }) => type === 'request')).toEqual([]);
    expect((await target.peerView())['models']).toEqual([]);
  });

  it('is paid for a hop once it has ended, not for what it has not been sent yet', async () => {
    const user = await ends();
    const { peer } = await target.link();
    peer.send(summary(offered(2, 5)));
    let early = 0;
    serveAsPeer(peer, {
      frame: (bytes) => {
        const hopId = bytes.toString('hex', 8, 24).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
        if (early === 0) peer.send({ type: 'settlement', settlement: settlement(target.files, hopId, 8) });
        early += 1;
        peer.sendFrame(bytes);
      },
      settle: (hopId, positions) => settlement(target.files, hopId, positions),
    });
    await expect.poll(async () => (await ask(user))['ok'], WITHIN).toBe(true);
    // Five tokens in and three out are seven positions; eight could have been.
    const { consumed } = (await target.peerView())['settled'] as { consumed: Json };
    const due = settlement(target.files, randomUUID(), 7)['amount'];
    expect(consumed).toMatchObject({ requests: 1, amount: due });
  });

  it('cannot have one offer taken and be paid for another of the same id', async () => {
    const user = await ends();
    const { peer } = await target.link();
    const offer = offered(2, 5);
    peer.send(summary(offer, { ...offer, layer_end: 6 }));
    const flops = countFlops(testManifest().shape, { layer_start: 2, layer_end: 6 }, 7, 0, 0);
    const more = { layers: { layer_start: 2, layer_end: 6 }, amount: Number(((flops / 1e9) * 2).toFixed(6)) };
    serveAsPeer(peer, { settle: (hopId, positions) => settlement(target.files, hopId, positions, more) });
    await expect.poll(async () => (await ask(user))['ok'], WITHIN).toBe(true);
    await target.expectReason('settlement-layers');
    expect((await target.peerView())['settled']).toMatchObject({ consumed: { requests: 0 } });
  });

  it('serves nobody but the coordinator it is linked with', async () => {
    const user = await ends();
    const c = (await target.link(target.filesOfC)).peer;
    c.send(summary(offered(2, 5)));
    serveAsPeer(c, { settle: (hopId, positions) => settlement(target.filesOfC, hopId, positions) });
    await expect.poll(async () => (await ask(user))['ok'], WITHIN).toBe(true);
    const opened = (): number => c.messages.filter(({ type }) => type === 'hop-open').length;
    const before = opened();
    const { peer: a } = await target.link();
    const { layers, models } = (await a.next('summary')) as { layers: Json[]; models: Json[] };
    // What C serves is neither offered to A nor counted as something the own nodes can answer with.
    expect(layers.map((one) => [one['layer_start'], one['layer_end']])).toEqual([
      [0, 1],
      [6, 7],
    ]);
    expect(models).toMatchObject([{ available: false }]);
    const requestId = randomUUID();
    a.send({
      type: 'request',
      request_id: requestId,
      model_id: 'org/test-model',
      prompt: 'hello',
      max_new_tokens: 3,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
      precision: 'fp32',
    });
    const end = await a.next('request-ended', (message) => message['request_id'] === requestId);
    expect(end).toMatchObject({ error: { code: 'pipeline-unavailable' } });
    expect(opened()).toBe(before);
  });
});
