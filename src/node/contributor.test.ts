import { describe, expect, it } from 'vitest';
import { DEFAULT_RUN_PREFERENCES } from './policy/policy-inputs';
import { movableClock, until } from './test-doubles/manual-clock';
import { onlyNode, reached, runningNodes, stateOf } from './test-doubles/running-nodes';
import { SocketCoordinator, type WireObject } from './test-doubles/socket-coordinator';
import { TINY_HASH } from './test-doubles/tiny-model';

const { startCoordinator, createNode } = runningNodes();

describe('ContributorNode over the WebSocket', () => {
  it('goes from off to serving, with the coordinator’s suggestion', async () => {
    const coordinator = await startCoordinator({
      suggestion: { layer_start: 0, layer_end: 1, vram_required_gb: '0.1', precision: 'int8' },
    });
    const { node } = createNode(coordinator.url);
    expect(stateOf(node)).toBe('off');
    node.start();
    await reached(node, 'serving');
    const snapshot = node.snapshot();
    expect(snapshot).toMatchObject({
      nodeId: onlyNode(coordinator).nodeId,
      hardwareClass: 'cpu_only',
      balanceMicroGft: 10_000_000,
      coordinator: { name: 'Test cooperative', version: '1.2.3', transport: 'websocket', tokenMode: true },
      hardware: { cpuModel: 'Test Processor', matmulGflops: 10, latencyScore: 0.75 },
      shard: {
        modelId: 'test/tiny',
        range: { layer_start: 0, layer_end: 1 },
        precision: 'int8',
        chosenBy: 'coordinator',
      },
    });
    const [registration] = SocketCoordinator.of(onlyNode(coordinator), 'register-shard');
    expect(registration).toMatchObject({
      manifest_hash: TINY_HASH,
      manifest: { model_id: 'test/tiny', total_layers: 4 },
      shard: { layer_start: 0, layer_end: 1, precision: 'int8', transports: [{ transport: 'ws-relay' }], host: null },
    });
    expect(coordinator.paths).toContain('GET /inference/suggest/test/tiny?vram_gb=2.4');
    await node.stop();
    expect(stateOf(node)).toBe('off');
    expect(SocketCoordinator.of(onlyNode(coordinator), 'remove-shard')).toHaveLength(1);
  });

  it('serves a whole request over two nodes', async () => {
    const coordinator = await startCoordinator();
    const first = createNode(
      coordinator.url,
      { layerChoice: { kind: 'range', start: 0, end: 1 } },
      {},
      { name: 'first' },
    );
    const second = createNode(
      coordinator.url,
      { layerChoice: { kind: 'range', start: 2, end: 3 } },
      {},
      { name: 'second' },
    );
    first.node.start();
    await reached(first.node, 'serving');
    second.node.start();
    await reached(second.node, 'serving');
    const answer = await coordinator.drive(coordinator.nodes, {
      prompt: 'a',
      max_new_tokens: 3,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    // "a" is 97 % 64 = 33; four layers and the head add 5 each time.
    expect(answer).toMatchObject({
      inputIds: [33],
      tokenIds: [38, 43, 48],
      text: '<38><43><48>',
      finishReason: 'length',
    });
    await until(() => first.node.snapshot().requestsServed === 1 && second.node.snapshot().requestsServed === 1);
    expect(second.node.snapshot()).toMatchObject({ tokensServed: 3, requestsFailed: 0, requestsActive: 0 });
    await until(() => second.engines.at(-1)?.sequences.size === 0);
  });

  it('pauses with its reason, removes the shard, and resumes', async () => {
    const coordinator = await startCoordinator();
    const { node, engines } = createNode(coordinator.url);
    node.start();
    await reached(node, 'serving');
    node.pause();
    await reached(node, 'paused');
    expect(node.snapshot().state).toEqual({ kind: 'paused', reason: { kind: 'user' } });
    await until(() => engines[0]?.closed === true);
    expect(onlyNode(coordinator).shard).toBeNull();
    expect(node.snapshot().shard).toBeNull();
    onlyNode(coordinator).send({
      type: 'pipeline-open',
      request_id: '0190f0f0-0000-7000-8000-000000000001',
      hop: 0,
      hops: 1,
      model_id: 'test/tiny',
      manifest_hash: null,
      layer_start: 0,
      layer_end: 3,
      activation_dtype: 'f32',
      max_new_tokens: 1,
      prompt: 'x',
    });
    await coordinator.until(() => SocketCoordinator.of(onlyNode(coordinator), 'pipeline-failed').length === 1);
    expect(SocketCoordinator.of(onlyNode(coordinator), 'pipeline-failed')[0]).toMatchObject({ code: 'not-serving' });
    node.resume();
    await reached(node, 'serving');
    expect(engines).toHaveLength(2);
    node.updateReadings({ onBattery: true, batteryPercent: 50 });
    await reached(node, 'paused');
    expect(node.snapshot().state).toMatchObject({ reason: { kind: 'on-battery', percent: 50 } });
    node.updatePreferences({ pauseOnBattery: false });
    await reached(node, 'serving');
  });

  it('finishes a running request before a pause when asked to, and takes no new one', async () => {
    const coordinator = await startCoordinator();
    const { node, engines } = createNode(coordinator.url);
    node.start();
    await reached(node, 'serving');
    const open = (last: number): WireObject => ({
      type: 'pipeline-open',
      request_id: `0190f0f0-0000-7000-8000-00000000000${last}`,
      hop: 0,
      hops: 1,
      model_id: 'test/tiny',
      manifest_hash: null,
      layer_start: 0,
      layer_end: 3,
      activation_dtype: 'f32',
      max_new_tokens: 4,
      prompt: 'x',
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    onlyNode(coordinator).send(open(1));
    await until(() => node.snapshot().requestsActive === 1);
    node.finishBeforeNextPause();
    node.pause();
    await reached(node, 'paused');
    onlyNode(coordinator).send(open(2));
    await coordinator.until(() => SocketCoordinator.of(onlyNode(coordinator), 'pipeline-failed').length === 1);
    expect(node.snapshot()).toMatchObject({ requestsActive: 1, shard: { modelId: 'test/tiny' } });
    expect(engines[0]?.closed).toBe(false);
    onlyNode(coordinator).send({ type: 'pipeline-close', request_id: open(1)['request_id'], reason: 'stop' });
    await until(() => engines[0]?.closed === true);
    expect(SocketCoordinator.of(onlyNode(coordinator), 'pipeline-failed')).toHaveLength(1);
    node.resume();
    await reached(node, 'serving');
  });

  it('keeps the layers in memory while paused when asked to', async () => {
    const coordinator = await startCoordinator();
    const policy = { ...DEFAULT_RUN_PREFERENCES.policy, freeMemoryWhenPaused: false };
    const { node, engines } = createNode(coordinator.url, { policy });
    node.start();
    await reached(node, 'serving');
    node.pause();
    await until(() => onlyNode(coordinator).shard === null);
    node.resume();
    await reached(node, 'serving');
    await until(() => onlyNode(coordinator).shard !== null);
    expect(engines.filter((engine) => !engine.closed)).toHaveLength(1);
    expect(engines).toHaveLength(1);
  });

  it('does nothing without consent, and begins when it is given', async () => {
    const coordinator = await startCoordinator();
    const { node, engines } = createNode(coordinator.url, {}, { consent: false });
    node.start();
    await reached(node, 'paused');
    expect(engines).toHaveLength(0);
    expect(coordinator.paths).toHaveLength(0);
    node.updateReadings({ consent: true });
    await reached(node, 'serving');
    node.updateReadings({ consent: false });
    await reached(node, 'paused');
    await until(() => onlyNode(coordinator).socket.readyState === 3);
  });

  it('changes its layers: registration removed, loaded anew, registered again', async () => {
    const coordinator = await startCoordinator();
    const { node, engines } = createNode(coordinator.url, { layerChoice: { kind: 'range', start: 0, end: 0 } });
    node.start();
    await reached(node, 'serving');
    node.updatePreferences({ layerChoice: { kind: 'range', start: 2, end: 3 } });
    await until(() => node.snapshot().shard?.range.layer_start === 2 && stateOf(node) === 'serving');
    expect(SocketCoordinator.of(onlyNode(coordinator), 'remove-shard')).toEqual([
      expect.objectContaining({ model_id: 'test/tiny' }),
    ]);
    expect(onlyNode(coordinator).shard).toMatchObject({ layer_start: 2, layer_end: 3 });
    expect(engines).toHaveLength(2);
    expect(engines[0]?.closed).toBe(true);
  });

  it('keeps the shard over a lost connection and resumes with the last event', async () => {
    const coordinator = await startCoordinator();
    const { node, engines } = createNode(coordinator.url);
    node.start();
    await reached(node, 'serving');
    const balances: number[] = [];
    node.on('balance', ({ balanceMicroGft }) => balances.push(balanceMicroGft));
    onlyNode(coordinator).send({
      type: 'balance',
      event: 7,
      balance: 10.5,
      amount: 0.5,
      event_type: 'issuance',
      ledger_ref: 'entry',
    });
    await until(() => balances.length === 1);
    expect(balances).toEqual([10_500_000]);
    onlyNode(coordinator).socket.terminate();
    await reached(node, 'waiting');
    await reached(node, 'serving');
    expect(coordinator.authentications[1]?.['resume']).toMatchObject({ last_event: 7 });
    expect(SocketCoordinator.of(onlyNode(coordinator), 'register-node')).toHaveLength(1);
    expect(coordinator.nodes[1]?.nodeId).toBe(coordinator.nodes[0]?.nodeId);
    expect(engines).toHaveLength(1);
    expect(engines[0]?.loads).toHaveLength(1);
  });

  it('does not fight another program that has the same key', async () => {
    const coordinator = await startCoordinator();
    const { node } = createNode(coordinator.url);
    node.start();
    await reached(node, 'serving');
    onlyNode(coordinator).socket.close(4409, 'replaced by a newer connection of the same key');
    await reached(node, 'failed');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'connection-replaced' } });
    node.retry();
    await reached(node, 'serving');
  });

  it('loads again after the engine process is gone, and says so', async () => {
    const coordinator = await startCoordinator();
    const clock = movableClock();
    const { node, engines } = createNode(coordinator.url, {}, {}, { clock });
    const notices: string[] = [];
    node.on('notice', ({ text }) => notices.push(text));
    node.start();
    await reached(node, 'serving');
    engines[0]?.exit('it ended with SIGSEGV');
    await reached(node, 'waiting');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'engine-gone' } });
    expect(notices[0]).toContain('SIGSEGV');
    clock.setByMs = -3 * 3_600_000;
    await coordinator.until(() => onlyNode(coordinator).shard === null);
    await reached(node, 'serving');
    expect(engines).toHaveLength(2);
    expect(onlyNode(coordinator).shard).not.toBeNull();
  });

  it('answers a challenge and shows the verdict', async () => {
    const coordinator = await startCoordinator({
      onCall: (call, connected) => {
        if (call['type'] !== 'task-result') return undefined;
        const verdict = { status: 'active', passed: true, reliability: 0.9, message: 'Correct.' };
        connected.send({ type: 'node-status', event: 2, task_id: 'task-1', ...verdict });
        return { ok: true, value: verdict };
      },
    });
    const { node } = createNode(coordinator.url);
    const verdicts: string[] = [];
    node.on('challenge', ({ verdict }) => verdicts.push(verdict));
    node.start();
    await reached(node, 'serving');
    onlyNode(coordinator).send({
      type: 'task',
      event: 1,
      task: {
        task_id: 'task-1',
        task_type: 'inference_challenge',
        payload: { prompt: 'Grüße', max_tokens: 8, temperature: 0 },
        model_id: 'test/tiny',
        layer_start: 0,
        layer_end: 3,
        flops_estimated: 5,
        is_challenge: true,
        expires_at: '2026-01-01T00:05:00Z',
      },
    });
    await until(() => node.snapshot().challenges[0]?.verdict === 'passed');
    const [result] = SocketCoordinator.of(onlyNode(coordinator), 'task-result');
    // printf '{"layer_end": 3, "layer_start": 0, "model_id": "test/tiny", "prompt": "Gr\\u00fc\\u00dfe", "temperature": 0.0}' | sha256sum
    expect(result?.['result']).toMatchObject({
      task_id: 'task-1',
      node_id: onlyNode(coordinator).nodeId,
      result_hash: '116cc88f3039828c5484c29c0307d12bf5b8a5e73bc83c18d530e4a215fa1072',
    });
    expect(node.snapshot()).toMatchObject({ reliability: 0.9, challenges: [{ message: 'Correct.' }] });
    expect(verdicts).toEqual(['waiting', 'passed']);
  });

  it('streams an answer to its own person, and cancels', async () => {
    const coordinator = await startCoordinator({
      onCall: (call, node) => {
        if (call['type'] !== 'generate') return undefined;
        const request_id = call['request_id'];
        node.send({
          type: 'generate-started',
          request_id,
          pipeline: [{ node_id: 'n', layer_start: 0, layer_end: 3, transport: 'ws-relay' }],
          input_tokens: 4,
        });
        node.send({ type: 'generate-token', request_id, index: 0, token_id: 5, text: 'Hello' });
        return {
          ok: true,
          value: {
            request_id,
            text: 'Hello',
            finish_reason: 'stop',
            tokens: 1,
            input_tokens: 4,
            gft_deducted: 0.25,
            new_balance: 9.75,
            backend: 'distributed',
            pipeline: [],
            latency_ms: 12,
            model_id: 'test/tiny',
            ledger_ref: 'entry',
            confirmed_at: '2026-01-01T00:00:00Z',
          },
        };
      },
    });
    const { node } = createNode(coordinator.url);
    const request = {
      requestId: '0190f0f0-0000-7000-8000-000000000002',
      modelId: 'test/tiny',
      messages: [{ role: 'user' as const, content: 'Hi' }],
      maxNewTokens: 8,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    };
    expect(await node.generate(request)).toMatchObject({ ok: false, error: { code: 'not-connected' } });
    node.start();
    // Asked while the connection is still being made: the question waits for it.
    expect(await node.generate(request)).toMatchObject({ ok: true, value: { text: 'Hello' } });
    await reached(node, 'serving');
    const texts: string[] = [];
    let inputTokens = 0;
    const outcome = await node.generate(request, {
      onStarted: (started) => (inputTokens = started.inputTokens),
      onToken: ({ text }) => texts.push(text),
    });
    expect(outcome).toMatchObject({ ok: true, value: { text: 'Hello', gft_deducted: 0.25 } });
    expect({ texts, inputTokens }).toEqual({ texts: ['Hello'], inputTokens: 4 });
    const aborted = AbortSignal.abort();
    expect(await node.generate(request, { signal: aborted })).toMatchObject({ error: { code: 'cancelled' } });
  });

  it.each([
    ['a range outside the model', { layerChoice: { kind: 'range', start: 2, end: 9 } } as const, 'range-invalid'],
    ['no model', { modelFolder: null }, 'model-unset'],
    ['a folder without a model', { modelFolder: '/nowhere' }, 'model-not-found'],
  ])('fails clearly on %s and recovers when it is changed', async (_name, preferences, code) => {
    const coordinator = await startCoordinator();
    const { node } = createNode(coordinator.url, preferences);
    node.start();
    await reached(node, 'failed');
    expect(node.snapshot().state).toMatchObject({ error: { code } });
    expect(node.snapshot().coordinator.transport).toBe('websocket');
    node.updatePreferences({
      layerChoice: { kind: 'automatic' },
      memoryBudgetBytes: null,
      modelFolder: '/models/tiny',
    });
    await reached(node, 'serving');
  });

  it('takes fewer layers when the suggestion does not fit', async () => {
    const coordinator = await startCoordinator({ suggestion: { layer_start: 0, layer_end: 3 } });
    const { node } = createNode(coordinator.url, { memoryBudgetBytes: 250 });
    node.start();
    await reached(node, 'serving');
    expect(node.snapshot().shard?.range).toEqual({ layer_start: 0, layer_end: 1 });
  });

  it('says which models a coordinator takes when it refuses this one', async () => {
    const coordinator = await startCoordinator({
      models: ['other/model'],
      onCall: (call) =>
        call['type'] === 'register-shard'
          ? { ok: false, error: { code: 'model-refused', message: 'Not on our list.', retryable: false } }
          : undefined,
    });
    const { node } = createNode(coordinator.url);
    node.start();
    await reached(node, 'failed');
    const { state } = node.snapshot();
    expect(state).toMatchObject({ error: { code: 'model-unknown' } });
    expect(JSON.stringify(state)).toContain('other/model');
  });

  it('does not retry a refused access token, and connects once it is right', async () => {
    const coordinator = await startCoordinator({ accessToken: 'secret' });
    const { node } = createNode(coordinator.url, { accessToken: 'wrong' });
    node.start();
    await reached(node, 'failed');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'coordinator-unauthorized' } });
    expect(coordinator.paths).toHaveLength(1);
    node.updatePreferences({ accessToken: 'secret' });
    await reached(node, 'serving');
    expect(await node.fetchJson('/inference/models')).toEqual({ ok: true, value: { models: [] } });
    expect(await node.fetchJson('/missing')).toMatchObject({ ok: false, error: { code: 'coordinator-refused' } });
    expect(await node.fetchJson('//elsewhere.example')).toMatchObject({ ok: false, error: { code: 'input-invalid' } });
  });

  it('waits for a coordinator that is not there yet', async () => {
    const probe = await SocketCoordinator.start();
    const { port } = probe;
    await probe.stop();
    const { node } = createNode(`http://127.0.0.1:${port}`);
    node.start();
    await reached(node, 'waiting');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'coordinator-unreachable' } });
    await startCoordinator({}, port);
    node.retry();
    await reached(node, 'serving');
  });
});
