import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OwnModelFields } from '../../../contract/own-models';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import type { AnswerListeners } from '../chat/answer-source';
import { SecretVault } from '../secret-vault';
import { openOwnModels, ownModelAnswerSource } from './start-own-models';

const KEY = 'sk-very-secret';
const fields: OwnModelFields = {
  kind: 'openai-compatible',
  name: 'helper',
  modelId: 'helper-1',
  baseUrl: 'http://127.0.0.1:9/v1',
  contextLength: 4_096,
  maxNewTokens: 64,
};
const noKeyStore = {
  isEncryptionAvailable: () => false,
  encryptString: () => Buffer.alloc(0),
  decryptString: () => '',
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-own-models-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function open(notices: string[] = []) {
  const log = new RecordingLog();
  const { vault } = await SecretVault.open(join(folder, 'secrets.json'), noKeyStore, {
    platform: 'linux',
    nowMs: 0,
    log,
  });
  const models = await openOwnModels(join(folder, 'own-models.json'), vault, {
    networkModelId: () => 'tore-tiny',
    contextLengthOf: () => null,
    addNotice: (text) => notices.push(text),
    timers: new ManualTimers(),
  });
  return models;
}

/** A provider that streams one answer, and what it was sent. */
function provider(asked: { url: string; authorization: string | null; body: string }[]): typeof fetch {
  return (input, init) => {
    asked.push({
      url: input instanceof Request ? input.url : input.toString(),
      authorization: new Headers(init?.headers).get('authorization'),
      body: typeof init?.body === 'string' ? init.body : '',
    });
    const chunk = (content: string, finish: string | null, more: object = {}): string =>
      `data: ${JSON.stringify({
        id: 'c',
        created: 1,
        model: 'helper-1',
        choices: [{ index: 0, delta: { content }, finish_reason: finish }],
        ...more,
      })}\n\n`;
    const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 };
    const text = chunk('Two ', null) + chunk('words', 'length', { usage }) + 'data: [DONE]\n\n';
    return Promise.resolve(new Response(text, { headers: { 'content-type': 'text/event-stream' } }));
  };
}

function listening(texts: string[]): AnswerListeners {
  return {
    onStarted: () => undefined,
    onText: (text) => texts.push(text),
    onAnew: () => undefined,
    onQueued: () => undefined,
    onPaused: () => undefined,
    signal: new AbortController().signal,
  };
}

const question = {
  requestId: 'r',
  messages: [{ role: 'user' as const, content: 'Hello' }],
  maxNewTokens: 32,
  temperature: 0,
  topK: 0,
  topP: 1,
  seed: null,
  answeredBy: 'automatic' as const,
};

describe('own models in Chat', () => {
  it('answer under a name no model of the network can have, with their key and without a cost', async () => {
    const models = await open();
    const saved = await models.save(null, fields, KEY);
    const chatId = (saved.ok ? saved.value : []).find(({ name }) => name === 'helper')?.chatId ?? '';
    expect(chatId).toBe('own:openai-compatible/helper-1');
    expect(JSON.stringify(saved)).not.toContain(KEY);
    const asked: Parameters<typeof provider>[0] = [];
    const source = ownModelAnswerSource(models, new ManualTimers(), provider(asked));
    expect([source.has(chatId), source.has('helper-1'), source.has('openai-compatible/helper-1')]).toEqual([
      true,
      false,
      false,
    ]);
    const texts: string[] = [];
    const answer = await source.generate({ ...question, modelId: chatId }, listening(texts));
    expect(answer).toMatchObject({
      ok: true,
      value: { text: 'Two words', finishReason: 'length', inputTokens: 7, outputTokens: 2, settledCost: null },
    });
    expect(texts.join('')).toBe('Two words');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ url: `${fields.baseUrl ?? ''}/chat/completions`, authorization: `Bearer ${KEY}` });
    expect(asked[0]?.body).not.toContain(KEY);
    expect(await readFile(join(folder, 'own-models.json'), 'utf8')).not.toContain(KEY);
  });

  it('are told apart when two servers have the same model, and never fall back to the network', async () => {
    const models = await open();
    await models.save(null, fields, null);
    await models.save(null, { ...fields, name: 'other', baseUrl: 'http://127.0.0.1:8/v1' }, null);
    const ids = models.list().map(({ chatId }) => chatId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.map((id) => models.findForChat(id)?.name)).toEqual([undefined, 'helper', 'other']);
    const source = ownModelAnswerSource(models, new ManualTimers(), provider([]));
    // One that was removed since is still no model of the network.
    expect(source.has('own:openai/gone')).toBe(true);
    const answer = await source.generate({ ...question, modelId: 'own:openai/gone' }, listening([]));
    expect(answer).toMatchObject({ ok: false, error: { code: 'model-invalid' } });
  });

  it('are not lost with a damaged list: it is kept aside and said', async () => {
    await writeFile(join(folder, 'own-models.json'), '{"formatVersion":1,"models":[{"id":1}]}');
    const notices: string[] = [];
    const models = await open(notices);
    expect(models.list()).toHaveLength(1);
    expect(notices.join()).toContain('it was kept as');
  });
});
