import { afterEach, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

let target: TestCoordinator;
const nodes: WsNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) node.drop();
  await target.coordinator.stop();
});

async function holder(start: number, end: number): Promise<WsNode> {
  const node = await WsNode.connect(target.url);
  nodes.push(node);
  await node.register();
  expect(await node.registerShard(start, end)).toMatchObject({ ok: true });
  return node;
}

const answer = (node: WsNode, proposal: Json, accepted: boolean): Promise<Json> =>
  node.call({ type: 'answer-move', proposal_id: proposal['proposal_id'], accepted });

const proposalsOf = (node: WsNode): number =>
  node.messages.filter((message) => message['type'] === 'move-proposed').length;

/** The first proposal either node gets, who got it, and the first one the other node will get. */
async function asked(
  one: WsNode,
  other: WsNode,
): Promise<{ proposal: Json; node: WsNode; idle: WsNode; later: Promise<Json> }> {
  const [toOne, toOther] = [one.next('move-proposed'), other.next('move-proposed')];
  return Promise.race([
    toOne.then((proposal) => ({ proposal, node: one, idle: other, later: toOther })),
    toOther.then((proposal) => ({ proposal, node: other, idle: one, later: toOne })),
  ]);
}

it('asks one of two holders at a time, the other one when it declines, and nobody twice', async () => {
  target = await startTestCoordinator({ moveEverySeconds: 0.05 });
  const [a, b] = [await holder(0, 3), await holder(0, 3)];
  const first = await asked(a, b);
  expect(first.proposal).toMatchObject({ model_id: 'org/test-model', layer_start: 4, layer_end: 7, gain: null });
  expect(proposalsOf(first.idle)).toBe(0);
  // Nobody answers for another.
  const foreign = await answer(first.idle, first.proposal, true);
  expect(foreign).toMatchObject({ ok: false, error: { code: 'move-outdated' } });

  expect(await answer(first.node, first.proposal, false)).toMatchObject({ ok: true, value: { status: 'declined' } });
  const second = await first.later;
  expect(await answer(first.idle, second, true)).toMatchObject({ ok: true, value: { status: 'agreed' } });
  await first.idle.registerShard(4, 7);
  const report = (await (await fetch(`${target.url}/inference/pipeline/org/test-model`)).json()) as Json;
  expect(report['available']).toBe(true);
  expect(proposalsOf(first.node) + proposalsOf(first.idle)).toBe(0);
});

it('takes back a proposal that others have made needless, or would leave a gap by now', async () => {
  target = await startTestCoordinator({ moveEverySeconds: 0.05 });
  const [a, b] = [await holder(0, 3), await holder(0, 3)];
  const { proposal, node, idle } = await asked(a, b);
  // The other holder of the same layers goes: whoever was asked is the last one now.
  await idle.call({ type: 'remove-shard', model_id: 'org/test-model' });
  expect(await answer(node, proposal, true)).toMatchObject({ ok: false, error: { code: 'move-outdated' } });
  expect(await answer(node, proposal, true)).toMatchObject({ ok: false, error: { code: 'move-outdated' } });
});

it('asks nobody when the operator wants none of it', async () => {
  target = await startTestCoordinator({ moveEverySeconds: 0 });
  const [a, b] = [await holder(0, 3), await holder(0, 3)];
  // Several rounds of maintenance, each of which would have asked.
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(proposalsOf(a) + proposalsOf(b)).toBe(0);
});
