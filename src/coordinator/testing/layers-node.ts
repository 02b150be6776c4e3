import type { Engine, ShardHandle } from '../../inference';
import { expectValue } from '../../inference/testdata/tore-tiny';
import type { Sampling } from '../../protocol/compute/model';
import { ACTIVATION_DTYPES } from '../../protocol/wire/activation-coding';
import { decodeActivationFrame, encodeActivationFrame, STEP_PURPOSES } from '../../protocol/wire/activation-frame';
import type { WsNode } from './ws-node';

type Json = Record<string, unknown>;
type Purpose = (typeof STEP_PURPOSES)[number];

interface Work {
  readonly sequenceId: string;
  readonly opening: Json;
  hop: number;
  hops: number;
  readonly guesses: Map<number, readonly number[]>;
}

interface Step {
  readonly requestId: string;
  readonly step: number;
  readonly purpose: Purpose;
  readonly position: number;
}

/** What a node does before a step; a test loses it there. */
export type BeforeStep = (position: number, purpose: Purpose) => void | Promise<void>;

let sequences = 0;

/** Makes a node serve any layers of a real model with a real engine, as docs/protocol.md says, one step after another. */
export function serveLayers(
  node: WsNode,
  engine: Engine,
  shard: ShardHandle,
  before: BeforeStep = () => undefined,
): void {
  const works = new Map<string, Work>();
  const { shardKey } = shard;
  const isLastShard = shard.range.layer_end === shard.totalLayers - 1;
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = (task: () => Promise<void>): void => {
    // What comes when a test is over fails at a closed engine.
    tail = tail.then(task).catch(() => undefined);
  };

  const open = async (message: Json): Promise<void> => {
    const requestId = String(message['request_id']);
    sequences += 1;
    const sequenceId = `${requestId} ${sequences}`;
    const hop = Number(message['hop']);
    works.set(requestId, { sequenceId, opening: message, hop, hops: Number(message['hops']), guesses: new Map() });
    const tokenizes = hop === 0 && message['takes_over'] !== true;
    const ids = tokenizes
      ? { input_ids: expectValue(await engine.tokenize(shardKey, { prompt: String(message['prompt']) })).inputIds }
      : {};
    node.send({ type: 'pipeline-opened', request_id: requestId, hop, ...ids });
  };

  const begin = async (message: Json): Promise<void> => {
    const work = works.get(String(message['request_id']));
    if (work === undefined) return;
    const answered = message['answered'] as { input_tokens: number; token_ids: number[] } | undefined;
    const sampling = isLastShard
      ? {
          sampling: work.opening['sampling'] as Sampling,
          maxNewTokens: Number(work.opening['max_new_tokens']),
          ...(answered === undefined
            ? {}
            : { answered: { promptPositions: answered.input_tokens, tokenIds: answered.token_ids } }),
        }
      : {};
    const maxPositions = Number(message['positions']);
    expectValue(await engine.openSequence({ shardKey, sequenceId: work.sequenceId, maxPositions, ...sampling }));
  };

  const run = async (facts: Step, input: { inputIds: number[] } | { activation: Float32Array; positions: number }) => {
    const work = works.get(facts.requestId);
    if (work === undefined) return;
    const { step, purpose, position } = facts;
    await before(position, purpose);
    const draftIds = work.guesses.get(step) ?? [];
    work.guesses.delete(step);
    const samples = purpose === 'sample' || purpose === 'verify';
    const { sequenceId } = work;
    const request = { shardKey, sequenceId, position, input, sample: samples };
    const output = expectValue(await engine.forward(draftIds.length === 0 ? request : { ...request, draftIds }));
    const positions = 'inputIds' in input ? input.inputIds.length : input.positions;
    const about = { request_id: facts.requestId, step };
    if (output.kind === 'token') {
      node.send({
        type: 'pipeline-token',
        ...about,
        position: position + positions - draftIds.length,
        tokens: output.tokens.map(({ tokenId, text }) => ({ id: tokenId, text })),
        ...(output.finishReason === undefined ? {} : { finish_reason: output.finishReason }),
      });
    } else if (output.kind === 'filled' || purpose === 'replay') {
      node.send({ type: 'pipeline-progress', ...about, hop: work.hop, state: 'done' });
    } else {
      const dtype = ACTIVATION_DTYPES.find((known) => known === work.opening['activation_dtype']) ?? 'f32';
      const hiddenSize = output.activation.length / positions;
      const frame = { ...facts, hop: work.hop + 1, positions, hiddenSize, dtype, values: output.activation };
      node.socket.send(encodeActivationFrame(frame));
    }
  };

  node.behave(
    (message) => {
      const requestId = String(message['request_id']);
      const work = works.get(requestId);
      switch (message['type']) {
        case 'pipeline-open':
          return inTurn(() => open(message));
        case 'pipeline-begin':
          return inTurn(() => begin(message));
        case 'pipeline-expect':
          work?.guesses.set(Number(message['step']), message['token_ids'] as number[]);
          return undefined;
        case 'pipeline-route':
          return inTurn(async () => {
            await Promise.resolve();
            if (work !== undefined) Object.assign(work, { hop: message['hop'], hops: message['hops'] });
          });
        case 'pipeline-step': {
          const purpose = STEP_PURPOSES.find((known) => known === message['purpose']) ?? 'sample';
          const facts = { requestId, step: Number(message['step']), purpose, position: Number(message['position']) };
          return inTurn(() => run(facts, { inputIds: message['input_ids'] as number[] }));
        }
        case 'pipeline-close':
          return inTurn(async () => {
            works.delete(requestId);
            if (work !== undefined) expectValue(await engine.closeSequence(shardKey, work.sequenceId));
          });
      }
      return undefined;
    },
    (bytes) => {
      const frame = decodeActivationFrame(bytes);
      if (!frame.ok) throw new Error(frame.error.message);
      const { values, positions } = frame.value;
      inTurn(() => run(frame.value, { activation: values, positions }));
    },
  );
}
