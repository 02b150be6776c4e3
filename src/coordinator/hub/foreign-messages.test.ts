import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeMessage } from '../../protocol/wire/messages';
import { challengeAnswer, registration } from '../testing/foreign-client';
import { SessionClient } from '../testing/session-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { handmadeFrame, newTestKey, serveFirst, serveLast, WsNode } from '../testing/ws-node';

/*
 * Every message a node or a participant may send, sent by somebody else about what belongs to the owner: a node, a shard, a
 * task, a request that is being answered, a session. Nothing of it may change, and the answer has to end as it would have.
 */

type Json = Record<string, unknown>;

let target: TestCoordinator;
let owner: WsNode;
let host: SessionClient;
let releaseAnswer: () => void = () => undefined;
/** What the owner has. */
let ids: {
  readonly request: string;
  /** What the request is called between the coordinator and the nodes that answer it; only they know it. */
  readonly pipeline: string;
  readonly session: string;
  readonly participant: string;
  readonly invitation: string;
  readonly task: Json;
  readonly turn: Json;
};
const sockets: { drop(): void }[] = [];

const generateCall = (requestId: string, more: Json = {}): Json => ({
  type: 'generate',
  request_id: requestId,
  model_id: 'org/test-model',
  prompt: 'hello',
  max_new_tokens: 3,
  sampling: { temperature: 0, top_k: 0, top_p: 1 },
  ...more,
});

async function node(): Promise<WsNode> {
  const connected = await WsNode.connect(target.url, newTestKey());
  sockets.push(connected);
  await connected.register();
  return connected;
}

beforeEach(async () => {
  target = await startTestCoordinator({
    accessPolicy: 'keyed',
    taskTimeoutSeconds: 600,
    firstChallengeAfterSeconds: 0.05,
  });
  const [first, last] = [await node(), await node()];
  serveFirst(first);
  const held = new Promise<void>((resolve) => (releaseAnswer = resolve));
  serveLast(last, { beforeToken: (index) => (index === 1 ? held.then(() => true) : true) });
  await first.registerShard(0, 3);
  await last.registerShard(4, 7);
  owner = await node();
  const request = randomUUID();
  owner.begin(generateCall(request));
  await owner.next('generate-token');
  const pipelineId = String((await last.next('pipeline-open'))['request_id']);
  // Only now, so that its own shard does not take the request.
  await owner.registerShard(0, 7);
  const task = (await owner.next('task'))['task'] as Json;
  host = await SessionClient.connect(target.url, 'Ada', owner.key);
  sockets.push(host);
  const session = await host.create();
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const invite = { type: 'session-invite', session_id: session, role: 'member', uses: 1, expires_at: expiresAt };
  const invitation = String(((await host.ask(invite))['invitation'] as Json)['id']);
  const turn = host.turn(session, 'Mine.');
  await host.post(session, turn);
  ids = { request, pipeline: pipelineId, session, participant: host.participantId, invitation, task, turn };
});
afterEach(async () => {
  releaseAnswer();
  for (const socket of sockets.splice(0)) socket.drop();
  await target.coordinator.stop();
});

/** `nothing`: borne and without a reply; `own`: done, and about what is the sender's own. */
type Outcome = 'refused' | 'closed' | 'nothing' | 'own';

const pipeline = (type: string, more: Json): Json => ({ type, request_id: ids.pipeline, ...more });
const inSession = (type: string, more: Json = {}): Json => ({ type, session_id: ids.session, ...more });
const ownersRegistration = (): Json => registration(owner.key.publicKey, { cpu_model: 'Stolen', ram_gb: 512 });
const shardOfOwner = (): Json => ({
  node_id: owner.nodeId,
  model_id: 'org/test-model',
  layer_start: 0,
  layer_end: 0,
  transports: [{ transport: 'ws-relay', version: '1', priority: 1 }],
});

/** Each message about what is the owner's, and what may come of it; null for those that can be about the sender alone. */
const FOREIGN: Readonly<Record<string, (() => readonly [Json, readonly Outcome[]]) | null>> = {
  authenticate: () => [
    { type: 'authenticate', public_key: owner.key.publicKey, signature: 'A'.repeat(86) + '==' },
    ['closed'],
  ],
  'register-node': () => [{ type: 'register-node', registration: ownersRegistration() }, ['refused']],
  'update-hardware': () => [{ type: 'update-hardware', registration: ownersRegistration() }, ['refused']],
  'register-shard': () => [{ type: 'register-shard', shard: shardOfOwner() }, ['refused']],
  // Takes a model of the sender's own off the list; it has none here.
  'remove-shard': () => [{ type: 'remove-shard', model_id: 'org/test-model' }, ['own']],
  heartbeat: null,
  'task-result': () => [
    {
      type: 'task-result',
      result: {
        task_id: ids.task['task_id'],
        node_id: owner.nodeId,
        result_hash: challengeAnswer(ids.task),
        flops_delivered: 1,
        execution_time_ms: 1,
      },
    },
    ['refused'],
  ],
  // See below: the name of a request is its requester's own.
  generate: null,
  'answer-move': () => [{ type: 'answer-move', proposal_id: randomUUID(), accepted: true }, ['refused']],
  'cancel-generate': () => [{ type: 'cancel-generate', request_id: ids.request }, ['refused', 'nothing']],
  'pipeline-opened': () => [pipeline('pipeline-opened', { hop: 0, input_ids: [1, 2] }), ['closed', 'nothing']],
  'pipeline-token': () => [
    pipeline('pipeline-token', { step: 1, position: 6, tokens: [{ id: 90, text: 'forged' }] }),
    ['closed', 'nothing'],
  ],
  'pipeline-progress': () => [pipeline('pipeline-progress', { hop: 1, step: 1, state: 'done' }), ['closed', 'nothing']],
  'pipeline-unlinked': () => [pipeline('pipeline-unlinked', { hop: 0, reason: 'forged' }), ['closed', 'nothing']],
  'pipeline-failed': () => [
    pipeline('pipeline-failed', { hop: 1, code: 'forged', message: 'forged', retryable: false }),
    ['closed', 'nothing'],
  ],
  'session-create': () => [inSession('session-create', { title: 'Taken', mode: 'live', me: host.me }), ['refused']],
  'session-join': () => [inSession('session-join', { me: host.me }), ['refused']],
  'session-list': null,
  'session-offers': null,
  'session-enter': () => [inSession('session-enter', { after_seq: 0 }), ['refused']],
  'session-read': () => [inSession('session-read', { after_seq: 0 }), ['refused']],
  'session-exit': () => [inSession('session-exit'), ['own']],
  'session-post': () => [inSession('session-post', { turn: ids.turn }), ['refused']],
  'session-change': () => [inSession('session-change', { status: 'closed' }), ['refused']],
  'session-profile': () => [inSession('session-profile', { display_name: 'Eve', model: null }), ['refused']],
  'session-role': () => [inSession('session-role', { participant_id: ids.participant, role: null }), ['refused']],
  'session-leave': () => [inSession('session-leave'), ['refused']],
  'session-invite': () => [
    inSession('session-invite', { role: 'member', uses: 1, expires_at: new Date(Date.now() + 60_000).toISOString() }),
    ['refused'],
  ],
  'session-invitations': () => [inSession('session-invitations'), ['refused']],
  'session-withdraw': () => [inSession('session-withdraw', { invitation_id: ids.invitation }), ['refused']],
  'session-costs': () => [inSession('session-costs'), ['refused']],
  'session-typing': () => [inSession('session-typing', { typing: true }), ['nothing']],
  'session-stream': () => [
    inSession('session-stream', {
      piece: { turn_id: randomUUID(), in_reply_to: null, offset: 0, text: 'forged', state: 'writing' },
    }),
    ['nothing'],
  ],
};

/** Sends a message and says what came of it: a reply for calls, else whether the connection stands afterwards. */
async function outcomeOf(socket: WsNode, message: Json, isCall: boolean): Promise<Outcome> {
  if (!isCall) {
    socket.send(message);
    // A call behind it is answered only where the message was borne.
    return (await socket.callOrLoss({ type: 'session-list' })) === null ? 'closed' : 'nothing';
  }
  const reply = await socket.callOrLoss(message);
  if (reply === null) return 'closed';
  if (reply['ok'] === true) return 'own';
  expect((reply['error'] as Json)['message']).not.toBe('');
  return 'refused';
}

const types = NodeMessage.anyOf.map((member) => ({
  type: String(member.properties.type.const),
  isCall: 'call_id' in member.properties,
}));

describe('messages about what belongs to another', () => {
  it('are written down, every one', () => {
    expect(types.map(({ type }) => type).sort()).toEqual(Object.keys(FOREIGN).sort());
  });

  it('are refused one by one, and what they were about goes on as if nothing had been sent', async () => {
    const before = await host.ask({ type: 'session-enter', session_id: ids.session, after_seq: 0 });
    const wrong: string[] = [];
    for (const { type, isCall } of types) {
      const make = FOREIGN[type];
      if (make === null || make === undefined) continue;
      const key = newTestKey();
      const asNode = await WsNode.connect(target.url, key);
      sockets.push(asNode);
      await asNode.register();
      const participant = await WsNode.connect(target.url, key, { purpose: 'participant' });
      sockets.push(participant);
      const [message, allowed] = make();
      const socket = type.startsWith('session-') ? participant : asNode;
      const outcome = await outcomeOf(socket, message, isCall);
      if (!allowed.includes(outcome)) wrong.push(`${type}: ${outcome}`);
    }
    expect(wrong).toEqual([]);
    // The same for an activation in the place of the one the last node waits for.
    const forger = await node();
    forger.socket.send(handmadeFrame({ requestId: ids.pipeline, hop: 1, position: 6, positions: 1, step: 2 }));
    await forger.callOrLoss({ type: 'heartbeat' });
    const after = await host.ask({ type: 'session-enter', session_id: ids.session, after_seq: 0 });
    expect(after).toMatchObject({ head: before['head'], participants: before['participants'], turns: before['turns'] });
    expect(host.socket.messages.filter(({ type }) => /typing|stream/.test(String(type)))).toEqual([]);
    // The task is still the owner's to answer, and its answer counts.
    const result = {
      task_id: ids.task['task_id'],
      node_id: owner.nodeId,
      result_hash: challengeAnswer(ids.task),
      flops_delivered: 1,
      execution_time_ms: 1,
    };
    expect(await owner.call({ type: 'task-result', result })).toMatchObject({ ok: true });
    releaseAnswer();
    const answer = await owner.next('reply', (reply) => 'text' in ((reply['value'] ?? {}) as Json));
    expect(answer['value']).toMatchObject({ request_id: ids.request, text: 'ABC', tokens: 3 });
  });

  it('may name a request as another has: both are answered, and neither hears the other', async () => {
    // It serves nothing, so the request would end there.
    await owner.call({ type: 'remove-shard', model_id: 'org/test-model' });
    const other = await node();
    const call = other.begin(generateCall(ids.request, { prompt: 'mine' }));
    await other.next('generate-token');
    releaseAnswer();
    const mine = await owner.next('reply', (reply) => 'text' in ((reply['value'] ?? {}) as Json));
    const theirs = await other.next('reply', (reply) => reply['call_id'] === call);
    for (const { value } of [mine, theirs] as { value: Json }[]) {
      expect(value).toMatchObject({ request_id: ids.request, text: 'ABC', tokens: 3 });
    }
    expect((theirs['value'] as Json)['ledger_ref']).not.toBe((mine['value'] as Json)['ledger_ref']);
    expect((mine['value'] as Json)['input_tokens']).toBe('hello'.length);
    expect((theirs['value'] as Json)['input_tokens']).toBe('mine'.length);
  });

  it('takes no proof of a key that was made for another connection', async () => {
    const key = newTestKey();
    const first = await WsNode.dial(target.url, key);
    sockets.push(first);
    const hello = await first.next('hello');
    const signature = first.proof(String(hello['nonce']), String(hello['coordinator_id']));
    const second = await WsNode.dial(target.url, key);
    sockets.push(second);
    await second.next('hello');
    second.send({ type: 'authenticate', public_key: key.publicKey, signature });
    expect((await second.untilClosed()).code).toBe(4401);
  });
});
