import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { portToForkedProcess, portToParent } from './port';

class FakeChild extends EventEmitter {
  readonly sent: unknown[] = [];
  connected = true;
  killed = false;
  send(message: unknown): boolean {
    this.sent.push(message);
    return true;
  }
  postMessage(message: unknown): void {
    this.sent.push(message);
  }
  kill(): boolean {
    this.killed = true;
    return true;
  }
}

describe('portToForkedProcess', () => {
  it('sends, receives, tells the end and its cause', () => {
    const child = new FakeChild();
    const port = portToForkedProcess(child);
    const seen: unknown[] = [];
    port.onMessage((message) => seen.push(message));
    port.onClose((reason) => seen.push(reason));
    port.post(1);
    child.emit('message', 2);
    child.emit('exit', null, 'SIGSEGV');
    expect(child.sent).toEqual([1]);
    expect(seen).toEqual([2, 'it ended with SIGSEGV']);
    port.close();
    expect(child.killed).toBe(true);
  });

  it('loses messages to a process that is gone, without throwing', () => {
    const child = new FakeChild();
    child.connected = false;
    portToForkedProcess(child).post(1);
    expect(child.sent).toEqual([]);
  });
});

describe('portToParent', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('unwraps the messages of a utility process', () => {
    const parentPort = new FakeChild();
    vi.stubGlobal('process', { parentPort });
    const port = portToParent();
    const seen: unknown[] = [];
    port?.onMessage((message) => seen.push(message));
    parentPort.emit('message', { data: 5, ports: [] });
    port?.post(6);
    expect(seen).toEqual([5]);
    expect(parentPort.sent).toEqual([6]);
  });

  it('tells when everything has left for the parent of a forked process', async () => {
    const waiting: (() => void)[] = [];
    const send = (_message: unknown, _handle: undefined, _options: undefined, sent: () => void): void => {
      waiting.push(sent);
    };
    vi.stubGlobal('process', { connected: true, send });
    const port = portToParent();
    expect(port?.allLeft()).toBeUndefined();
    port?.post(1);
    port?.post(2);
    let hasLeft = false;
    const left = port?.allLeft()?.then(() => (hasLeft = true));
    waiting[0]?.();
    await Promise.resolve();
    expect(hasLeft).toBe(false);
    waiting[1]?.();
    await left;
    expect(hasLeft).toBe(true);
    expect(port?.allLeft()).toBeUndefined();
  });

  it('is absent in a process that was started by hand', () => {
    vi.stubGlobal('process', {});
    expect(portToParent()).toBeUndefined();
  });
});
