import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChatEntry, ConversationView } from '../../../contract/chat';
import { DEFAULT_SETTINGS } from '../../../contract/settings';
import { openLibrary, type Library } from '../../../library';
import { localLibrary } from '../../../library/service/local-library';
import type { Conversation } from '../../../protocol/conversation/conversation';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import { CountedLibrary } from '../../test-doubles/counted-library';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { until } from '../../test-doubles/until';
import { textsOf } from '../../texts/texts-of';
import type { AnswerListeners, AnswerOutcome, AnswerRequest } from './answer-source';
import { ChatService } from './chat-service';
import { textOf } from './conversation-document';
import { LibraryConversationStore, type SavedState } from './conversation-store';

let folder: string;
let library: Library;
let access: CountedLibrary;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-chat-'));
  library = valueOf(await openLibrary(join(folder, 'library')));
  access = new CountedLibrary(localLibrary(library));
});
afterEach(async () => {
  // Chat saves and lists in the background.
  await access.untilIdle();
  await library.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

interface OpenRequest {
  readonly request: AnswerRequest;
  readonly listeners: AnswerListeners;
  readonly finish: (result: Result<AnswerOutcome>) => void;
  /** Names of the conversation files at the moment of the request, with the text in them. */
  readonly disk: string;
}

/** A store whose disk can fill up. */
class FillingStore extends LibraryConversationStore {
  full = false;
  override save(document: Conversation, revision: number | null): Promise<Result<SavedState>> {
    if (this.full) return Promise.resolve(mainFailure('disk-full', 'The conversation could not be saved.'));
    return super.save(document, revision);
  }
}

async function createChat(contextLength: number | null = null) {
  const timers = new ManualTimers();
  const store = new FillingStore(access);
  const requests: OpenRequest[] = [];
  const sent: { name: string; payload: unknown }[] = [];
  const events: string[] = [];
  let ids = 0;
  const chat = new ChatService({
    store,
    source: {
      has: () => true,
      contextLengthOf: () => contextLength,
      generate: async (request, listeners) => {
        const disk = (await diskTexts()).join('\n');
        return new Promise((finish) => requests.push({ request, listeners, finish, disk }));
      },
    },
    settings: () => DEFAULT_SETTINGS.chat,
    send: (name, payload) => void sent.push({ name, payload }),
    onSummaries: () => undefined,
    addEvent: (kind, text) => void events.push(`${kind}: ${text}`),
    texts: () => textsOf('en'),
    newId: () => `id-${String((ids += 1)).padStart(3, '0')}`,
    timers,
    log: new RecordingLog(),
  });
  const lastRequest = async (): Promise<OpenRequest> => {
    await until(() => requests.length > 0);
    const request = requests.at(-1);
    if (request === undefined) throw new Error('nothing was asked');
    return request;
  };
  return { chat, store, requests, lastRequest, sent, events, timers };
}

async function diskTexts(): Promise<string[]> {
  const { conversations } = valueOf(await access.call('list', { limit: 100 }));
  const documents = conversations.map(async ({ id }) => valueOf(await access.call('get', { id })).conversation);
  return (await Promise.all(documents)).map((document) => JSON.stringify(document));
}

async function onlyDocument(): Promise<Conversation> {
  const texts = await diskTexts();
  expect(texts).toHaveLength(1);
  return JSON.parse(texts[0] ?? '') as Conversation;
}

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function lastAnswer(view: ConversationView): Extract<ChatEntry, { role: 'assistant' }> {
  const entry = view.entries.at(-1);
  if (entry?.role !== 'assistant') throw new Error('no answer at the end');
  return entry;
}

const outcome: AnswerOutcome = {
  text: 'A shard is a part.',
  finishReason: 'stop',
  hops: [{ nodeId: 'n', layerStart: 0, layerEnd: 7, transport: 'ws-relay', isThisComputer: true }],
  inputTokens: 9,
  outputTokens: 6,
  durationMs: 60,
  settledCost: { microGft: 341, ledgerRef: 'entry-1', confirmedAt: '2026-01-01T12:00:01Z' },
};

describe('asking', () => {
  it('has the question on disk before it is sent, then the answer with its settled cost', async () => {
    const { chat, lastRequest, sent, events } = await createChat();
    const started = valueOf(await chat.send(null, 'tore-tiny', 'What is a shard?'));
    expect(started.title).toBe('What is a shard?');
    expect(lastAnswer(started).state).toEqual({ kind: 'waiting' });
    const { request, listeners, finish, disk } = await lastRequest();
    expect(disk).toContain('What is a shard?');
    expect(request.messages).toEqual([{ role: 'user', content: 'What is a shard?' }]);
    listeners.onStarted({ hops: outcome.hops, inputTokens: 9 });
    listeners.onText('A shard');
    listeners.onText(' is a part.');
    finish(success(outcome));
    await until(async () => lastAnswer(valueOf(await chat.view(started.id))).state.kind === 'finished');
    await until(async () => JSON.stringify(await onlyDocument()).includes('entry-1'));

    const answer = lastAnswer(valueOf(await chat.view(started.id)));
    expect(answer).toMatchObject({ text: 'A shard is a part.', state: { kind: 'finished', reason: 'stop' } });
    expect(answer.facts?.settledCost).toEqual(outcome.settledCost);
    const document = await onlyDocument();
    expect(document).toMatchObject({ tore_spec: 'tore-0005', source: { platform: 'tore-desktop' } });
    const message = document.messages.at(-1);
    expect(message?.usage).toMatchObject({
      input_tokens: 9,
      output_tokens: 6,
      inference_cost: { amount: 0.000341, unit: 'GFT', ledger_ref: 'entry-1' },
    });
    expect(document.head).toBe(message?.id);
    const deltas = sent.filter(({ name }) => name === 'chat-delta-arrived').map(({ payload }) => payload);
    expect(deltas).toEqual([
      expect.objectContaining({ conversationId: started.id, offset: 0, text: 'A shard is a part.' }),
    ]);
    expect(events).toEqual(['spending: Paid 0.000341 GFT for 6 tokens of tore-tiny.']);
  });

  it('writes no cost that the ledger has not confirmed', async () => {
    const { chat, lastRequest } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    (await lastRequest()).finish(success({ ...outcome, settledCost: null }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    await chat.close();
    expect(JSON.stringify((await onlyDocument()).messages)).not.toContain('inference_cost');
  });

  it('sends earlier turns with a new question', async () => {
    const { chat, lastRequest, requests } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'First'));
    (await lastRequest()).finish(success({ ...outcome, text: 'One' }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    valueOf(await chat.send(id, 'm', 'Second'));
    await until(() => requests.length === 2);
    expect((await lastRequest()).request.messages).toEqual([
      { role: 'user', content: 'First' },
      { role: 'assistant', content: 'One' },
      { role: 'user', content: 'Second' },
    ]);
  });

  it('leaves out the oldest turns that do not fit and writes down how many', async () => {
    const { chat, lastRequest, requests } = await createChat(400);
    let id: string | null = null;
    for (const [index, question] of ['One', 'Two', 'Three'].entries()) {
      const view: ConversationView = valueOf(await chat.send(id, 'm', `${question} ${'x'.repeat(100)}`));
      id = view.id;
      await until(() => requests.length === index + 1);
      (await lastRequest()).finish(success({ ...outcome, text: 'y'.repeat(100) }));
      await until(async () => lastAnswer(valueOf(await chat.view(view.id))).state.kind === 'finished');
    }
    const contents = (await lastRequest()).request.messages.map(({ content }) => content.split(' ')[0]?.slice(0, 5));
    expect(contents).toEqual(['Two', 'yyyyy', 'Three']);
    await chat.close();
    const last = (await onlyDocument()).messages.at(-1);
    expect(last?.metadata?.['tore_desktop']).toMatchObject({ turns_left_out: 1 });
  });

  it('takes one question at a time', async () => {
    const { chat } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'First'));
    expect(await chat.send(id, 'm', 'Second')).toMatchObject({ ok: false, error: { code: 'conversation-busy' } });
    expect(await chat.retry(id, null)).toMatchObject({ ok: false, error: { code: 'conversation-busy' } });
  });

  it('keeps what arrived when the request fails', async () => {
    const { chat, lastRequest } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    const { listeners, finish } = await lastRequest();
    listeners.onText('Half an ans');
    finish(mainFailure('not-connected', 'The connection was lost.', { retryable: true }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'failed');
    expect(lastAnswer(valueOf(await chat.view(id)))).toMatchObject({
      text: 'Half an ans',
      state: { kind: 'failed', error: { code: 'not-connected' } },
    });
    await until(async () => JSON.stringify(await onlyDocument()).includes('Half an ans'));
  });
});

describe('a full disk', () => {
  it('keeps the question in view with the error, sends nothing, and can be tried again', async () => {
    const { chat, store, requests, lastRequest } = await createChat();
    store.full = true;
    const view = valueOf(await chat.send(null, 'm', 'Precious question'));
    expect(view.entries[0]).toMatchObject({ role: 'user', text: 'Precious question' });
    expect(lastAnswer(view).state).toMatchObject({ kind: 'failed', error: { code: 'disk-full' } });
    expect(requests).toHaveLength(0);
    expect(await diskTexts()).toEqual([]);
    store.full = false;
    valueOf(await chat.retry(view.id, null));
    expect((await lastRequest()).disk).toContain('Precious question');
  });

  it('keeps an answer in view that cannot be saved and says so', async () => {
    const { chat, store, lastRequest, events } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    const { finish } = await lastRequest();
    store.full = true;
    finish(success(outcome));
    await until(() => events.some((event) => event.startsWith('error:')));
    expect(lastAnswer(valueOf(await chat.view(id))).text).toBe(outcome.text);
  });
});

describe('retry', () => {
  it('adds a branch beside the earlier answer and shows it', async () => {
    const { chat, lastRequest, requests } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    (await lastRequest()).finish(success({ ...outcome, text: 'First answer' }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    const again = valueOf(await chat.retry(id, null));
    expect(again.entries).toHaveLength(2);
    expect(lastAnswer(again)).toMatchObject({ text: '', state: { kind: 'waiting' } });
    await until(() => requests.length === 2);
    (await lastRequest()).finish(success({ ...outcome, text: 'Second answer' }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    await chat.close();
    const document = await onlyDocument();
    const answers = document.messages.slice(1);
    expect(answers.map(textOf)).toEqual(['First answer', 'Second answer']);
    expect(new Set(answers.map(({ parent_id: parent }) => parent))).toEqual(new Set([document.messages[0]?.id]));
    expect(document.head).toBe(answers[1]?.id);
  });
});

describe('stop and the end of the app', () => {
  it('cancels the request, keeps the text and takes over the settled cost that comes later', async () => {
    const { chat, lastRequest } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    const { listeners, finish } = await lastRequest();
    listeners.onText('So far');
    expect(chat.stop(id).ok).toBe(true);
    expect(listeners.signal.aborted).toBe(true);
    listeners.onText(' and more');
    expect(lastAnswer(valueOf(await chat.view(id)))).toMatchObject({ text: 'So far', state: { kind: 'stopped' } });
    // The answer's end is saved long before the coordinator says what it cost.
    await access.untilIdle();
    finish(success({ ...outcome, text: 'So far and more', finishReason: 'cancelled' }));
    await until(async () => JSON.stringify(await onlyDocument()).includes('entry-1'));
    expect(lastAnswer(valueOf(await chat.view(id)))).toMatchObject({
      text: 'So far',
      state: { kind: 'stopped' },
      facts: { settledCost: outcome.settledCost },
    });
    expect(chat.stop(id)).toMatchObject({ ok: false, error: { code: 'nothing-to-stop' } });
  });

  it('takes over the settled cost of a stopped answer beside the next one', async () => {
    const { chat, lastRequest, requests } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    const first = await lastRequest();
    chat.stop(id);
    await access.untilIdle();
    valueOf(await chat.send(id, 'm', 'Next question'));
    await until(() => requests.length === 2);
    first.finish(success({ ...outcome, finishReason: 'cancelled' }));
    await until(async () => JSON.stringify(await onlyDocument()).includes('entry-1'));
    (await lastRequest()).finish(success({ ...outcome, text: 'Next answer', settledCost: null }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    await access.untilIdle();
    const { messages } = await onlyDocument();
    expect(messages.map((message) => JSON.stringify(message).includes('entry-1'))).toEqual([false, true, false, false]);
  });

  it('saves a part of the answer every second', async () => {
    const { chat, lastRequest, timers } = await createChat();
    valueOf(await chat.send(null, 'm', 'Question'));
    const { listeners } = await lastRequest();
    listeners.onText('The first second');
    timers.advance(999);
    expect(JSON.stringify(await onlyDocument())).not.toContain('The first second');
    timers.advance(1);
    await until(async () => JSON.stringify(await onlyDocument()).includes('The first second'));
  });

  it('stops and saves answers at the end of the app', async () => {
    const { chat, lastRequest, timers } = await createChat();
    valueOf(await chat.send(null, 'm', 'Question'));
    const { listeners } = await lastRequest();
    listeners.onText('Unfinished');
    const closing = chat.close();
    await until(() => listeners.signal.aborted);
    await until(() => timers.waiting > 0);
    timers.advance(5_000);
    await closing;
    const message = (await onlyDocument()).messages.at(-1);
    expect(message === undefined ? null : textOf(message)).toBe('Unfinished');
    expect(message?.metadata?.['tore_desktop']).toMatchObject({ state: { kind: 'stopped' } });
  });
});

describe('the store', () => {
  it('marks answers that a crash cut off as stopped', async () => {
    const first = await createChat();
    const { id } = valueOf(await first.chat.send(null, 'm', 'Question'));
    const { listeners } = await first.lastRequest();
    listeners.onText('Cut o');
    first.timers.advance(1_000);
    await until(async () => JSON.stringify(await onlyDocument()).includes('Cut o'));
    // No end is written: the next start finds what the crash left.
    const second = await createChat();
    expect(lastAnswer(valueOf(await second.chat.view(id)))).toMatchObject({
      text: 'Cut o',
      state: { kind: 'stopped' },
    });
  });

  it('keeps fields of other programs', async () => {
    const foreign = {
      ...emptyDocument('foreign'),
      handoff: {
        from: { platform: 'another program' },
        reason: 'model switched',
        needs: [],
        created_at: '2026-01-01T00:00:00Z',
        mood: 'hopeful',
      },
      participants: [{ id: 'h', role: 'human', favourite: 'tea' }],
      messages: [
        {
          id: 'm1',
          participant_id: 'h',
          content: [
            { type: 'hologram', data: [1] },
            { type: 'text', text: 'Hi' },
          ],
          x: 1,
        },
      ],
      head: 'm1',
    };
    valueOf(await access.call('save', { conversation: foreign as Conversation }));
    const { chat } = await createChat();
    valueOf(await chat.send('foreign', 'm', 'Next'));
    const document = await onlyDocument();
    expect(document).toMatchObject({ handoff: foreign.handoff, participants: [foreign.participants[0], {}] });
    expect(document.messages[0]).toEqual(foreign.messages[0]);
  });

  it('keeps a title and a message that came from elsewhere while an answer was written', async () => {
    const { chat, lastRequest } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    valueOf(await access.call('rename', { id, title: 'A better title' }));
    (await lastRequest()).finish(success(outcome));
    await until(async () => JSON.stringify(await onlyDocument()).includes('entry-1'));
    expect((await onlyDocument()).title).toBe('A better title');
  });

  it('moves a deleted conversation to the bin', async () => {
    const { chat, lastRequest, timers } = await createChat();
    const { id } = valueOf(await chat.send(null, 'm', 'Question'));
    (await lastRequest()).finish(success(outcome));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    valueOf(await chat.remove(id));
    await until(async () => (await diskTexts()).length === 0);
    expect(valueOf(await access.call('list', { limit: 5, deleted: true })).total).toBe(1);
    expect(timers.waiting).toBe(0);
  });

  it('says so when a conversation is gone', async () => {
    const { chat } = await createChat();
    expect(await chat.view('nobody')).toMatchObject({ ok: false, error: { code: 'conversation-unknown' } });
    expect(await chat.send('nobody', 'm', 'Hi')).toMatchObject({ ok: false, error: { code: 'conversation-unknown' } });
  });
});

describe('branches', () => {
  it('asks a question in other words and goes back to the first ones', async () => {
    const { chat, lastRequest, requests } = await createChat();
    const { id, entries } = valueOf(await chat.send(null, 'm', 'First words'));
    (await lastRequest()).finish(success({ ...outcome, text: 'First answer' }));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    const edited = valueOf(await chat.edit(id, entries[0]?.id ?? '', 'other', 'Other words'));
    expect(edited.entries.map(({ text }) => text)).toEqual(['Other words', '']);
    expect(edited.entries[0]?.branch).toMatchObject({ position: 2, count: 2 });
    await until(() => requests.length === 2);
    expect((await lastRequest()).request).toMatchObject({
      modelId: 'other',
      messages: [{ role: 'user', content: 'Other words' }],
    });
    (await lastRequest()).finish(success(outcome));
    await until(async () => lastAnswer(valueOf(await chat.view(id))).state.kind === 'finished');
    const back = valueOf(await chat.showBranch(id, entries[0]?.id ?? ''));
    expect(back.entries.map(({ text }) => text)).toEqual(['First words', 'First answer']);
    await until(async () => (await onlyDocument()).head === back.entries[1]?.id);
  });

  it('goes on with another model, the snapshot in place of what does not fit', async () => {
    const { chat, lastRequest, requests } = await createChat(700);
    let id: string | null = null;
    for (const [index, question] of ['One', 'Two', 'Three'].entries()) {
      const view: ConversationView = valueOf(await chat.send(id, 'm', `${question} ${'x'.repeat(300)}`));
      id = view.id;
      await until(() => requests.length === index + 1);
      (await lastRequest()).finish(success({ ...outcome, text: 'y'.repeat(100) }));
      await until(async () => lastAnswer(valueOf(await chat.view(view.id))).state.kind === 'finished');
    }
    const last = valueOf(await chat.view(id ?? '')).entries.at(-1)?.id ?? '';
    const continuation = {
      id: id ?? '',
      through: null,
      handoff: {
        from: { platform: 'tore-desktop', model: 'm' },
        reason: 'another view',
        needs: ['check it'],
        created_at: '2026-01-01T00:00:00Z',
      },
      snapshot: {
        summary: 'Three questions.',
        goals: ['count'],
        decisions: [],
        open_questions: [],
        facts: [],
        constraints: [],
        through_message_id: last,
        created_at: '2026-01-01T00:00:00Z',
        created_by: 'extraction rules',
      },
    };
    expect(await chat.continueWith({ ...continuation, through: 'nobody' })).toMatchObject({ ok: false });
    valueOf(await chat.continueWith(continuation));
    valueOf(await chat.send(id, 'n', 'Four'));
    await until(() => requests.length === 4);
    const { messages } = (await lastRequest()).request;
    expect(messages[0]).toMatchObject({ role: 'system' });
    expect(messages[0]?.content).toContain('Three questions.');
    expect(messages[0]?.content).toContain('check it');
    expect(messages.at(-1)).toEqual({ role: 'user', content: 'Four' });
    expect((await onlyDocument()).handoff).toMatchObject({ reason: 'another view' });
  });
});

function emptyDocument(id: string): Conversation {
  return {
    tore_spec: 'tore-0005',
    id,
    title: 'T',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    source: { platform: 'other' },
    participants: [],
    messages: [],
  };
}
