import { afterEach, expect, it, vi } from 'vitest';
import { success } from '../../protocol/result';
import type { GenerateListener, GenerateRequest } from '../pipeline/generate-service';
import { systemClock, systemRandom } from '../clock';
import { testManifest } from '../testing/test-model';
import { AskingDesk } from './asking-desk';
import type { PeerModel } from './offers';
import type { Peer } from './peer';

/* A request at a peer whose user takes the answer in slowly, so that what comes has to wait. */

type Arrival = Parameters<AskingDesk['take']>[1];
type Parts = ConstructorParameters<typeof AskingDesk>;

const MAX_NEW_TOKENS = 3;
/** More messages than can have been asked for. */
const MANY = 2_000;

const sent: { readonly type: string }[] = [];
const send = (draft: { readonly type: string }): Promise<boolean> => {
  sent.push(draft);
  return Promise.resolve(true);
};
const link = { send };
const peer = { name: 'A', publicKey: 'key of A', agreementId: 'agreement', link, send } as unknown as Peer;
const refusals: string[] = [];
const logged = vi.fn<() => void>();

function newDesk(
  settle: () => Promise<never> = () => new Promise<never>(() => undefined),
  noteAsked: () => Promise<void> = () => Promise.resolve(),
): AskingDesk {
  const release = (): Promise<void> => Promise.resolve();
  return new AskingDesk(
    { hold: () => Promise.resolve(success({ amountMicroGft: 0, release })) } as unknown as Parts[0],
    { take: settle } as unknown as Parts[1],
    { noteAsked } as unknown as Parts[2],
    systemClock,
    systemRandom,
    { error: logged } as unknown as Parts[5],
    (_peer, code) => refusals.push(code),
  );
}

/** Asks, and resolves once the peer has the request and the user has been told that it begins. */
async function ask(
  desk: AskingDesk,
  maxNewTokens = MAX_NEW_TOKENS,
): Promise<{
  readonly id: string;
  readonly result: ReturnType<AskingDesk['generate']>;
  /** The user takes in what has come. */
  readonly readOn: () => void;
}> {
  const model = { model_id: 'model', shape: testManifest().shape, template_bytes: 0 };
  const request = {
    nodeId: 'user',
    requestId: 'of the user',
    modelId: 'model',
    prompt: 'hello',
    maxNewTokens,
  } as unknown as GenerateRequest;
  let readOn = (): void => undefined;
  let begun = (): void => undefined;
  const reading = new Promise<void>((resolve) => {
    readOn = resolve;
  });
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const listener: GenerateListener = {
    started: () => {
      begun();
      return reading;
    },
    token: () => Promise.resolve(),
    queued: () => undefined,
    waiting: () => undefined,
  };
  const result = desk.generate(
    { peer, model } as unknown as PeerModel,
    request,
    listener,
    new AbortController().signal,
  );
  await vi.waitFor(() => expect(sent.map(({ type }) => type)).toContain('request'), { timeout: 20_000 });
  const id = (sent.find(({ type }) => type === 'request') as unknown as { request_id: string }).request_id;
  desk.take(peer, { type: 'request-started', request_id: id, input_tokens: 5 } as Arrival);
  await hasBegun;
  return { id, result, readOn };
}

function flood(desk: AskingDesk, id: string): void {
  for (let count = 0; count < MANY; count += 1) {
    desk.take(peer, { type: 'request-waiting', request_id: id, seconds: 1 } as Arrival);
  }
}

afterEach(() => {
  vi.useRealTimers();
  sent.length = 0;
  refusals.length = 0;
  logged.mockClear();
});

it('ends a request of which more came than can have been asked for, and lets the peer stop', async () => {
  const desk = newDesk();
  const { id, result, readOn } = await ask(desk);
  flood(desk, id);
  readOn();
  expect(await result).toMatchObject({ ok: false, error: { code: 'peer-failed' } });
  expect(refusals).toEqual(['answer-too-long']);
  expect(sent.at(-1)).toEqual({ type: 'request-cancel', request_id: id });
  expect(desk.runningAt(peer)).toBe(0);
});

it('holds no more text of an answer than any user can be behind', async () => {
  const desk = newDesk();
  const { id, result, readOn } = await ask(desk, 1_000);
  const text = 'A'.repeat(100_000);
  for (let index = 0; index < 200; index += 1) {
    desk.take(peer, { type: 'request-token', request_id: id, index, token_id: 65, text } as Arrival);
  }
  readOn();
  expect(await result).toMatchObject({ ok: false, error: { code: 'peer-failed' } });
  expect(refusals).toEqual(['answer-too-long']);
});

it('gives a request up of which nothing comes for long but that it waits', async () => {
  vi.useFakeTimers();
  const desk = newDesk();
  const { id, result, readOn } = await ask(desk);
  readOn();
  for (let minute = 0; minute < 32; minute += 1) {
    desk.take(peer, { type: 'request-waiting', request_id: id, seconds: 86_400 } as Arrival);
    // A token is something.
    if (minute === 1) {
      desk.take(peer, { type: 'request-token', request_id: id, index: 0, token_id: 65, text: 'A' } as Arrival);
    }
    await vi.advanceTimersByTimeAsync(60_000);
    if (minute === 29) expect(desk.runningAt(peer)).toBe(1);
  }
  expect(desk.runningAt(peer)).toBe(0);
  expect(await result).toMatchObject({ ok: false, error: { code: 'peer-lost' } });
  expect(sent.at(-1)).toEqual({ type: 'request-cancel', request_id: id });
});

it('ends a request whose link is lost while as much as may waits to be taken in', async () => {
  const desk = newDesk();
  const { id, result, readOn } = await ask(desk);
  for (let count = 0; count < MAX_NEW_TOKENS + 1_024; count += 1) {
    desk.take(peer, { type: 'request-waiting', request_id: id, seconds: 1 } as Arrival);
  }
  desk.dropAll(peer, 'lost');
  readOn();
  expect(await result).toMatchObject({ ok: false, error: { code: 'peer-lost' } });
});

it('asks over the link under whose agreement the request was written down, and over no later one', async () => {
  const later = Object.assign(Object.create(peer) as Peer, { agreementId: 'agreement', link: { send: () => gone } });
  const gone = Promise.resolve(false);
  const desk = newDesk(undefined, () => {
    // Meanwhile the link was lost, and one under the renewed agreement stands.
    Object.assign(later, { agreementId: 'renewed agreement', link });
    return Promise.resolve();
  });
  const model = { model_id: 'model', shape: testManifest().shape, template_bytes: 0 };
  const listener = { started: () => Promise.resolve() } as unknown as GenerateListener;
  const request = { prompt: 'hello', maxNewTokens: MAX_NEW_TOKENS } as unknown as GenerateRequest;
  const found = { peer: later, model } as unknown as PeerModel;
  const result = desk.generate(found, request, listener, AbortSignal.abort());
  expect(await result).toMatchObject({ ok: false, error: { code: 'peer-unavailable', retryable: true } });
  expect(sent).toEqual([]);
});

it('logs that the end of a request nobody waits for could not be settled', async () => {
  const desk = newDesk(() => Promise.reject(new Error('the database is away')));
  desk.take(peer, {
    type: 'request-ended',
    request_id: 'given up',
    finish_reason: 'stop',
    settlement: { some: 'settlement' },
    error: null,
  } as unknown as Arrival);
  await vi.waitFor(() => expect(logged).toHaveBeenCalledOnce(), { timeout: 20_000 });
});
