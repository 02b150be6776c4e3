import type { Engine, ForwardInput, ShardHandle } from '../../inference';
import { runProof } from '../../inference/proof/run-proof';
import { expectValue } from '../../inference/testdata/tore-tiny';
import { decodeActivationFrame, encodeActivationFrame, STEP_PURPOSES } from '../../protocol/wire/activation-frame';
import { challengeAnswer } from './foreign-client';
import type { WsNode } from './ws-node';

type Json = Record<string, unknown>;

/** What a node of a test runs: it may behave otherwise in requests than in proofs it is asked for. */
export interface EngineWork {
  readonly engine: Engine;
  /** The layers it says it holds, for proofs. */
  readonly proved: () => Promise<ShardHandle>;
  /** What it runs in requests. */
  readonly served: () => Promise<ShardHandle>;
  /** Changes what it hands on. */
  readonly handsOn?: (activation: Float32Array, input: ForwardInput) => Float32Array;
  readonly precision?: 'fp32' | 'int8' | 'int4';
}

const SHAPE = { vocab_size: 1_024, hidden_size: 128 };
const MAX_POSITIONS = 128;

/** Makes a node serve layers that are not the last ones with a real engine, one step after another. */
export function serveWithEngine(node: WsNode, work: EngineWork): void {
  const { engine } = work;
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = (task: () => Promise<void>): void => {
    // What comes when a test is over fails at a closed engine.
    tail = tail.then(task).catch(() => undefined);
  };
  const hops = new Map<string, number>();

  const open = async (message: Json): Promise<void> => {
    const requestId = String(message['request_id']);
    const { shardKey } = await work.served();
    hops.set(requestId, Number(message['hop']));
    expectValue(await engine.openSequence({ shardKey, sequenceId: requestId, maxPositions: MAX_POSITIONS }));
    const isFirst = message['hop'] === 0 && message['takes_over'] !== true;
    const ids = isFirst ? { input_ids: [...Buffer.from(String(message['prompt']))] } : {};
    node.send({ type: 'pipeline-opened', request_id: requestId, hop: message['hop'], ...ids });
  };

  const step = async (
    facts: { requestId: string; step: number; purpose: (typeof STEP_PURPOSES)[number]; position: number },
    input: ForwardInput,
  ): Promise<void> => {
    const { shardKey } = await work.served();
    const { position, requestId } = facts;
    const output = expectValue(await engine.forward({ shardKey, sequenceId: requestId, position, input }));
    if (output.kind !== 'activation') throw new Error('the shard handed no activation on');
    const values = work.handsOn?.(output.activation, input) ?? output.activation;
    const positions = 'inputIds' in input ? input.inputIds.length : input.positions;
    const hop = (hops.get(requestId) ?? 0) + 1;
    const frame = { ...facts, hop, positions, hiddenSize: SHAPE.hidden_size, dtype: 'f32' as const, values };
    node.socket.send(encodeActivationFrame(frame));
  };

  const prove = async (task: Json): Promise<void> => {
    const proof = (task['payload'] as Json)['proof'] as Json | undefined;
    const precision = work.precision ?? 'fp32';
    const answer =
      proof === undefined
        ? { result_hash: challengeAnswer(task) }
        : {
            result_hash: 'proof',
            proof: {
              precision,
              rows: expectValue(await runProof(engine, await work.proved(), SHAPE, String(proof['seed']))),
            },
          };
    const result = { task_id: task['task_id'], node_id: node.nodeId, flops_delivered: 0, execution_time_ms: 1 };
    node.begin({ type: 'task-result', result: { ...result, ...answer } });
  };

  node.behave(
    (message) => {
      if (message['type'] === 'pipeline-open') inTurn(() => open(message));
      if (message['type'] === 'task') inTurn(() => prove(message['task'] as Json));
      if (message['type'] === 'pipeline-step') {
        const purpose = STEP_PURPOSES.find((known) => known === message['purpose']) ?? 'sample';
        const facts = { requestId: String(message['request_id']), step: Number(message['step']), purpose };
        const inputIds = message['input_ids'] as number[];
        inTurn(() => step({ ...facts, position: Number(message['position']) }, { inputIds }));
      }
      if (message['type'] === 'pipeline-close') {
        const sequenceId = String(message['request_id']);
        inTurn(async () => {
          expectValue(await engine.closeSequence((await work.served()).shardKey, sequenceId));
        });
      }
    },
    (bytes) => {
      const frame = expectFrame(bytes);
      inTurn(() => step(frame, { activation: frame.values, positions: frame.positions }));
    },
  );
}

function expectFrame(bytes: Uint8Array) {
  const frame = decodeActivationFrame(bytes);
  if (!frame.ok) throw new Error(frame.error.message);
  return frame.value;
}
