import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startTestCoordinator } from '../testing/start-coordinator';
import { serveFirst, serveLast, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };
const TOKENS = 120;
/** With that many tokens more than the system keeps for a reader that does not read. */
const TEXT = 'x'.repeat(100_000);

it('is cut off when it takes nothing of a stream, and what its answer held is free again', async () => {
  const target = await startTestCoordinator({ readerTimeoutSeconds: 0.3 });
  const nodes = [await WsNode.connect(target.url), await WsNode.connect(target.url)] as const;
  const reader = connect(Number(new URL(target.url).port), '127.0.0.1');
  try {
    const [first, last] = nodes;
    for (const node of nodes) await node.register();
    await first.registerShard(0, 3);
    await last.registerShard(4, 7);
    let produced = 0;
    serveFirst(first);
    serveLast(last, {
      text: (index) => {
        produced = index + 1;
        return TEXT;
      },
    });
    const asked = { node_id: first.nodeId, model_id: 'org/test-model', prompt: 'hello', max_new_tokens: TOKENS };
    const body = JSON.stringify(asked);
    reader.on('error', () => undefined);
    reader.pause();
    reader.write(
      'POST /inference/generate HTTP/1.1\r\nhost: coordinator\r\naccept: text/event-stream\r\n' +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const running = async (): Promise<unknown> =>
      ((await (await fetch(`${target.url}/inference/queue`)).json()) as Json)['running'];
    await expect.poll(() => produced, WITHIN).toBeGreaterThan(0);
    await expect.poll(running, WITHIN).toBe(0);
    expect(produced).toBeLessThan(TOKENS);
  } finally {
    reader.destroy();
    for (const node of nodes) node.drop();
    await target.coordinator.stop();
  }
});
