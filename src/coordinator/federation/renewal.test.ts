// An agreement that is renewed while both coordinators run, and what was served under the old one.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { AgreementTerms } from '../../protocol/trust/agreement';
import {
  federationAgreement,
  serveModel,
  startPair,
  terminationOf,
  type RunningPair,
} from '../testing/federation-pair';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };

let pair: RunningPair | null = null;
let nodes: WsNode[] = [];

afterEach(async () => {
  for (const node of nodes) node.drop();
  nodes = [];
  await pair?.stop();
  pair = null;
});

async function peerOf(running: RunningPair, side: 'a' | 'b'): Promise<Json> {
  const { body } = await running.admin(side, 'GET', '/admin/federation');
  return (body['peers'] as Json[])[0] as Json;
}

/** State of the link on one side, and the agreement in use there. */
async function standing(running: RunningPair, side: 'a' | 'b'): Promise<string> {
  const peer = await peerOf(running, side);
  return `${String((peer['link'] as Json)['state'])} ${String((peer['agreement'] as Json)['id'])}`;
}

async function refusals(running: RunningPair, side: 'a' | 'b'): Promise<string[]> {
  return ((await peerOf(running, side))['refusals'] as Json[]).map(({ code }) => String(code));
}

/** No text was refused. Who reads its file first may be told `agreement-differs` until the other side has read its own. */
async function expectUsable(running: RunningPair): Promise<void> {
  for (const side of ['a', 'b'] as const) {
    const others = (await refusals(running, side)).filter((code) => code !== 'agreement-differs');
    expect(others).toEqual([]);
  }
}

function renewed({ files }: RunningPair, id: string, changes: Partial<AgreementTerms> = {}): string {
  const keys = { a: files.a.signer.publicKey, b: files.b.signer.publicKey };
  return JSON.stringify(federationAgreement(keys, changes, id));
}

async function userOfA(running: RunningPair): Promise<WsNode> {
  const user = await WsNode.connect(running.a.url);
  nodes.push(user);
  await user.register();
  return user;
}

function generateCall(): Json {
  return {
    type: 'generate',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 5,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
  };
}

async function untilOffered(running: RunningPair): Promise<void> {
  await expect
    .poll(async () => ((await peerOf(running, 'a'))['models'] as Json[])[0]?.['available'], WITHIN)
    .toBe(true);
}

describe('a renewed agreement', () => {
  it('is taken up without a restart, and each request is settled by the terms it was asked under', async () => {
    const running = await startPair({ cost: { unit: 'node-hours', rate: 2 } });
    pair = running;
    nodes.push(...(await serveModel(running.b.url)));
    await untilOffered(running);
    const user = await userOfA(running);
    const before = ((await user.call(generateCall()))['value'] as Json)['federation'] as Json;
    expect(before).toMatchObject({ agreement_id: running.files.agreement.id, unit: 'node-hours' });

    const text = renewed(running, 'the-second-year', { cost: { unit: 'credits', rate: 10 } });
    await writeFile(running.files.a.agreementFile, text);
    await writeFile(running.files.b.agreementFile, text);
    for (const side of ['a', 'b'] as const) {
      await expect.poll(() => standing(running, side), WITHIN).toBe('up the-second-year');
    }
    await untilOffered(running);
    const after = ((await user.call(generateCall()))['value'] as Json)['federation'] as Json;
    expect(after).toMatchObject({ agreement_id: 'the-second-year', unit: 'credits' });
    expect(after['amount']).toBeCloseTo(5 * Number(before['amount']), 6);
    // Both agreements of the day are compared, each in its own unit.
    const { body } = await running.admin('a', 'POST', '/admin/federation/peers/Coordinator%20B/reconcile');
    const statements = (body['statements'] as Json[]).map(({ state, statement }) => {
      const { agreement_id: id, unit, entries } = statement as Json;
      return [id, unit, (entries as Json[]).length, state];
    });
    expect(statements).toEqual([
      ['the-second-year', 'credits', 1, 'equal'],
      [running.files.agreement.id, 'node-hours', 1, 'equal'],
    ]);
    await expectUsable(running);
  });

  it.each(['a', 'b'] as const)(
    'waits at the old one until the other side has it too; %s has it first',
    async (first) => {
      const running = await startPair();
      pair = running;
      const other = first === 'a' ? 'b' : 'a';
      const old = `up ${running.files.agreement.id}`;
      for (const side of ['a', 'b'] as const) await expect.poll(() => standing(running, side), WITHIN).toBe(old);
      const upSince = async (): Promise<unknown> => ((await peerOf(running, first))['link'] as Json)['since'];
      const since = await upSince();
      const text = renewed(running, 'the-second-year');
      await writeFile(running.files[first].agreementFile, text);
      // The link was ended to stand anew, and it stands under the old agreement again.
      await expect
        .poll(async () => [await standing(running, first), (await upSince()) !== since], WITHIN)
        .toEqual([old, true]);
      await writeFile(running.files[other].agreementFile, text);
      for (const side of ['a', 'b'] as const) {
        await expect.poll(() => standing(running, side), WITHIN).toBe('up the-second-year');
      }
    },
  );

  it('lets a request that runs come to its end first, and settles it under the old one', async () => {
    const running = await startPair();
    pair = running;
    let go: () => void = () => undefined;
    const gate = new Promise<boolean>((resolve) => {
      go = () => resolve(true);
    });
    nodes.push(...(await serveModel(running.b.url, { beforeToken: (index) => (index < 2 ? true : gate) })));
    await untilOffered(running);
    const user = await userOfA(running);
    const reply = user.call(generateCall());
    await user.next('generate-token', (message) => message['index'] === 1);
    const text = renewed(running, 'the-second-year');
    await writeFile(running.files.a.agreementFile, text);
    await writeFile(running.files.b.agreementFile, text);
    // Longer than a file has to rest before it is read.
    await new Promise((done) => setTimeout(done, 1_500));
    expect(await standing(running, 'a')).toBe(`up ${running.files.agreement.id}`);
    go();
    expect(await reply).toMatchObject({
      ok: true,
      value: { text: 'ABCDE', federation: { agreement_id: running.files.agreement.id } },
    });
    for (const side of ['a', 'b'] as const) {
      await expect.poll(() => standing(running, side), WITHIN).toBe('up the-second-year');
    }
  });

  it('is not read while it is being written, however often it is looked at', async () => {
    const running = await startPair();
    pair = running;
    const text = renewed(running, 'the-second-year');
    await writeFile(running.files.a.agreementFile, '');
    // Shorter than a file has to rest before it is read, and several looks long.
    await new Promise((done) => setTimeout(done, 100));
    await writeFile(running.files.a.agreementFile, text);
    await writeFile(running.files.b.agreementFile, text);
    for (const side of ['a', 'b'] as const) {
      await expect.poll(() => standing(running, side), WITHIN).toBe('up the-second-year');
    }
    await expectUsable(running);
  });

  it('changes nothing when it cannot be used, and the reason is recorded', async () => {
    const running = await startPair();
    pair = running;
    const { id } = running.files.agreement;
    await expect.poll(() => standing(running, 'a'), WITHIN).toBe(`up ${id}`);
    await writeFile(running.files.a.agreementFile, '{"type": "agreement"');
    await expect.poll(() => refusals(running, 'a'), WITHIN).toEqual(['agreement-unusable']);
    // Another text under the same id, signed by both: whoever holds the old one could not tell them apart.
    await writeFile(running.files.a.agreementFile, renewed(running, id, { purpose: 'Something else.' }));
    await expect.poll(() => refusals(running, 'a'), WITHIN).toEqual(['agreement-unusable', 'agreement-unusable']);
    // The end of the old one, which its file no longer holds, is still heard.
    await writeFile(running.files.a.agreementFile, renewed(running, 'the-second-year'));
    const notice = terminationOf(running.files.agreement, '2026-03-01T00:00:00.000Z');
    const ended = await fetch(`${running.b.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    expect(await ended.json()).toMatchObject({ status: 'ended' });
    await expect.poll(() => standing(running, 'b'), WITHIN).toBe(`barred ${id}`);
    await writeFile(running.files.b.agreementFile, renewed(running, 'the-second-year'));
    for (const side of ['a', 'b'] as const) {
      await expect.poll(() => standing(running, side), WITHIN).toBe('up the-second-year');
    }
  });

  it('stays cut where the administrator has cut the link', async () => {
    const running = await startPair();
    pair = running;
    await expect.poll(() => standing(running, 'b'), WITHIN).toContain('up');
    await running.admin('b', 'POST', '/admin/federation/peers/Coordinator%20A/cut');
    await writeFile(running.files.b.agreementFile, renewed(running, 'the-second-year'));
    await expect.poll(() => standing(running, 'b'), WITHIN).toBe('cut the-second-year');
  });
});
