import { describe, expect, it } from 'vitest';
import { NO_NODE_FACTS, type NodeSnapshot } from '../../../protocol/compute/node-snapshot';
import { english } from '../../texts/english';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { EventRecorder } from './event-recorder';

function record() {
  const timers = new ManualTimers();
  const lines: string[] = [];
  let node: NodeSnapshot = { ...NO_NODE_FACTS, state: { kind: 'off' }, tokensPerSecond: null };
  const recorder = new EventRecorder({
    node: () => node,
    write: (_atMs, kind, text) => void lines.push(`${kind}: ${text}`),
    texts: () => english,
    timers,
  });
  const become = (changes: Partial<NodeSnapshot>): void => {
    node = { ...node, ...changes };
    recorder.onSnapshot(node);
  };
  return { recorder, timers, lines, become };
}

describe('the recorder of events', () => {
  it('files a state under what it is', () => {
    const { recorder, lines, become } = record();
    become({ state: { kind: 'paused', reason: { kind: 'on-battery', percent: 40 } } });
    recorder.onEvent('state', 'Paused: on battery (40 %).');
    become({ state: { kind: 'paused', reason: { kind: 'user' } } });
    recorder.onEvent('state', 'Paused until resumed.');
    become({ state: { kind: 'waiting', error: { code: 'x', message: 'Gone.', retryable: true }, retryAt: '' } });
    recorder.onEvent('state', 'Gone.');
    recorder.onEvent('challenge', 'Challenge passed.');
    expect(lines).toEqual([
      'policy: Paused: on battery (40 %).',
      'snooze: Paused until resumed.',
      'connection: Gone.',
      'challenge: Challenge passed.',
    ]);
  });

  it('tells of a connection once it stands', () => {
    const { lines, become } = record();
    become({ state: { kind: 'connecting', attempt: 1 } });
    become({
      state: { kind: 'registering' },
      coordinator: { url: 'http://here', name: 'Campus', version: '1', transport: 'websocket', tokenMode: true },
    });
    become({ state: { kind: 'serving', modelId: 'tiny', range: { layer_start: 0, layer_end: 1 } } });
    expect(lines).toEqual(['connection: Connected to Campus over a WebSocket.']);
  });

  it('joins the requests of a minute', () => {
    const { recorder, timers, lines, become } = record();
    become({ requestsServed: 1, tokensServed: 20 });
    timers.advance(30_000);
    become({ requestsServed: 3, requestsFailed: 1, tokensServed: 1_900 });
    timers.advance(30_000);
    become({ requestsServed: 4, tokensServed: 1_901 });
    recorder.close();
    recorder.close();
    expect(lines).toEqual([
      'request: Served 3 requests with 1,900 tokens. 1 request failed here.',
      'request: Served 1 request with 1 token.',
    ]);
  });
});
