import { describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { RecordingLog } from '../test-doubles/recording-log';
import { CallRegistry, isTrustedSender, originOf, type CallSender } from './call-registry';

const WINDOW_ID = 7;
const own: CallSender = { sender: { id: WINDOW_ID }, senderFrame: { url: 'app://tore/index.html', parent: null } };

function createCalls() {
  const listeners = new Map<string, (event: CallSender, payload: unknown) => Promise<unknown>>();
  const log = new RecordingLog();
  const registry = new CallRegistry(
    { handle: (channel, listener) => void listeners.set(channel, listener) },
    { webContentsId: () => WINDOW_ID, origin: 'app://tore' },
    log,
  );
  const call = (channel: string, payload: unknown, event = own): Promise<unknown> => {
    const listener = listeners.get(channel);
    if (listener === undefined) throw new Error(`nobody listens to ${channel}`);
    return listener(event, payload);
  };
  return { registry, call, log };
}

describe('isTrustedSender', () => {
  const window = { webContentsId: () => WINDOW_ID, origin: 'app://tore' };
  it.each<[string, CallSender, boolean]>([
    ['the page of the window', own, true],
    ['another window', { ...own, sender: { id: 8 } }, false],
    ['a frame inside the page', { ...own, senderFrame: { url: 'app://tore/index.html', parent: {} } }, false],
    ['another host', { ...own, senderFrame: { url: 'app://other/index.html', parent: null } }, false],
    ['another scheme', { ...own, senderFrame: { url: 'https://tore/index.html', parent: null } }, false],
    ['a host that begins alike', { ...own, senderFrame: { url: 'app://tore.example/', parent: null } }, false],
    ['an empty page', { ...own, senderFrame: { url: 'about:blank', parent: null } }, false],
    ['a frame that is gone', { ...own, senderFrame: null }, false],
  ])('%s', (_name, sender, trusted) => {
    expect(isTrustedSender(sender, window)).toBe(trusted);
  });

  it('trusts nobody while there is no window', () => {
    expect(isTrustedSender(own, { ...window, webContentsId: () => null })).toBe(false);
  });
});

describe('originOf', () => {
  it('takes scheme and host with port', () => {
    expect(originOf('http://localhost:5173/index.html')).toBe('http://localhost:5173');
    expect(originOf('app://tore/x')).toBe('app://tore');
    expect(originOf('not an address')).toBeNull();
  });
});

describe('CallRegistry', () => {
  it('hands a checked payload to the handler and its answer back', async () => {
    const { registry, call } = createCalls();
    const seen: unknown[] = [];
    registry.registerCall('chat:stop', (input) => {
      seen.push(input);
      return success(null);
    });
    expect(await call('chat:stop', { conversationId: 'c' })).toEqual({ ok: true, value: null });
    expect(seen).toEqual([{ conversationId: 'c' }]);
  });

  it('refuses another sender without asking the handler', async () => {
    const { registry, call } = createCalls();
    let asked = false;
    registry.registerCall('app:quit', () => {
      asked = true;
      return success(null);
    });
    const answer = await call('app:quit', null, { ...own, sender: { id: 99 } });
    expect(answer).toMatchObject({ ok: false, error: { code: 'sender-refused' } });
    expect(asked).toBe(false);
  });

  it.each<[string, Parameters<CallRegistry['registerCall']>[0], unknown]>([
    ['nothing where an object belongs', 'chat:send', undefined],
    ['a missing field', 'chat:send', { conversationId: null, text: 'x' }],
    ['an empty question', 'chat:send', { conversationId: null, modelId: 'm', text: '' }],
    ['a huge question', 'chat:send', { conversationId: null, modelId: 'm', text: 'x'.repeat(200_001) }],
    ['an unknown setting', 'settings:update', { consentAt: '2026-01-01' }],
    ['a region that is none', 'settings:update', { region: '../../etc' }],
    ['minutes below one', 'node:pause', { minutes: 0 }],
    ['something where nothing belongs', 'app:quit', { now: true }],
  ])('refuses %s', async (_name, channel, payload) => {
    const { registry, call } = createCalls();
    registry.registerCall(channel, () => {
      throw new Error('must not be asked');
    });
    expect(await call(channel, payload)).toMatchObject({ ok: false, error: { code: 'payload-invalid' } });
  });

  it('turns a fault of a handler into a plain failure and logs it', async () => {
    const { registry, call, log } = createCalls();
    registry.registerCall('ledger:verify', () => {
      throw new TypeError('secret detail at /home/someone/file.ts');
    });
    const answer = await call('ledger:verify', null);
    expect(answer).toMatchObject({ ok: false, error: { code: 'internal', retryable: true } });
    expect(JSON.stringify(answer)).not.toContain('secret detail');
    expect(JSON.stringify(log.lines)).toContain('secret detail');
  });
});
