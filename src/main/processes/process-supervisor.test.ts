import { describe, expect, it } from 'vitest';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';
import { ManualTimers, settle } from '../test-doubles/manual-timers';
import { RecordingLog } from '../test-doubles/recording-log';
import type { ChildProcessPort } from './child-process-port';
import { ProcessSupervisor, type SupervisorLimits } from './process-supervisor';

/** A process that does what the test says. */
class FakeChild implements ChildProcessPort {
  readonly pid = 1;
  killed = false;
  readonly received: unknown[] = [];
  readonly #exitListeners: ((code: number) => void)[] = [];
  readonly #outputListeners: ((text: string, stream: 'stdout' | 'stderr') => void)[] = [];
  postMessage(message: unknown): void {
    this.received.push(message);
  }
  onMessage(): void {}
  onOutput(listener: (text: string, stream: 'stdout' | 'stderr') => void): void {
    this.#outputListeners.push(listener);
  }
  onExit(listener: (code: number) => void): void {
    this.#exitListeners.push(listener);
  }
  kill(): void {
    this.killed = true;
    this.exit(15);
  }
  exit(code: number): void {
    for (const listener of this.#exitListeners) listener(code);
  }
  write(text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    for (const listener of this.#outputListeners) listener(text, stream);
  }
}

const limits: SupervisorLimits = {
  readyTimeoutMs: 1_000,
  stopTimeoutMs: 500,
  crashes: { firstDelayMs: 100, maxDelayMs: 300, maxCrashes: 4, windowMs: 60_000 },
};

function createSupervisor(connect: (child: ChildProcessPort) => Promise<Result<void>>) {
  const timers = new ManualTimers();
  const log = new RecordingLog();
  const children: FakeChild[] = [];
  const supervisor = new ProcessSupervisor({
    name: 'The helper',
    start: () => {
      const child = new FakeChild();
      children.push(child);
      return child;
    },
    connect,
    requestStop: (child) => child.postMessage('stop'),
    limits,
    log,
    timers,
  });
  const states: string[] = [];
  supervisor.onState(({ kind }) => states.push(kind));
  const last = (): FakeChild => {
    const child = children.at(-1);
    if (child === undefined) throw new Error('nothing was started');
    return child;
  };
  return { supervisor, timers, log, children, states, last };
}

const atOnce = (): Promise<Result<void>> => Promise.resolve(success(undefined));
const never = (): Promise<Result<void>> => new Promise(() => undefined);

describe('ProcessSupervisor', () => {
  it('runs once the process can be used, and starts only one', async () => {
    const { supervisor, states, children } = createSupervisor(atOnce);
    supervisor.start();
    supervisor.start();
    await settle();
    expect(states).toEqual(['starting', 'running']);
    expect(children).toHaveLength(1);
  });

  it('restarts a crashed process after growing delays and gives up in the end', async () => {
    const { supervisor, timers, states, children, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    const delays: number[] = [];
    for (let crash = 0; crash < 4; crash++) {
      last().exit(1);
      if (supervisor.state.kind === 'restarting') delays.push(supervisor.state.delayMs);
      const before = children.length;
      timers.advance((delays.at(-1) ?? 0) - 1);
      expect(children).toHaveLength(before);
      timers.advance(1);
      await settle();
      expect(supervisor.state.kind).toBe('running');
    }
    expect(delays).toEqual([100, 200, 300, 300]);
    last().exit(1);
    expect(supervisor.state).toMatchObject({ kind: 'failed', error: { code: 'process-failed' } });
    timers.advance(100_000);
    expect(children).toHaveLength(5);
    expect(states.at(-1)).toBe('failed');
  });

  it('forgets crashes of long ago', async () => {
    const { supervisor, timers, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    for (let crash = 0; crash < 10; crash++) {
      last().exit(139);
      timers.advance(limits.crashes.maxDelayMs);
      await settle();
      timers.advance(limits.crashes.windowMs);
    }
    expect(supervisor.state.kind).toBe('running');
  });

  it('takes an exit with code 0 that nobody asked for as a crash', async () => {
    const { supervisor, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    last().exit(0);
    expect(supervisor.state.kind).toBe('restarting');
  });

  it('replaces a process that is not ready in time', () => {
    const { supervisor, timers, children } = createSupervisor(never);
    supervisor.start();
    timers.advance(limits.readyTimeoutMs);
    expect(children[0]?.killed).toBe(true);
    expect(supervisor.state.kind).toBe('restarting');
    timers.advance(100);
    expect(children).toHaveLength(2);
    expect(supervisor.state.kind).toBe('starting');
  });

  it('does not restart a process that says it cannot work', async () => {
    const refusal = mainFailure('coordinator-start-failed', 'The database is of a newer version.');
    const { supervisor, timers, children } = createSupervisor(() => Promise.resolve(refusal));
    supervisor.start();
    await settle();
    expect(supervisor.state).toEqual({ kind: 'failed', error: refusal.error });
    expect(children[0]?.killed).toBe(true);
    timers.advance(100_000);
    expect(children).toHaveLength(1);
    supervisor.start();
    expect(children).toHaveLength(2);
  });

  it('asks the process to end and waits for it', async () => {
    const { supervisor, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    let stopped = false;
    const stopping = supervisor.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(last().received).toEqual(['stop']);
    expect(stopped).toBe(false);
    last().exit(0);
    await stopping;
    expect(last().killed).toBe(false);
    expect(supervisor.state.kind).toBe('stopped');
  });

  it('kills a process that does not end in time', async () => {
    const { supervisor, timers, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    const stopping = supervisor.stop();
    timers.advance(limits.stopTimeoutMs);
    await stopping;
    expect(last().killed).toBe(true);
    expect(supervisor.state.kind).toBe('stopped');
  });

  it('cancels a planned restart when stopped', async () => {
    const { supervisor, timers, children, last } = createSupervisor(atOnce);
    supervisor.start();
    await settle();
    last().exit(1);
    await supervisor.stop();
    timers.advance(100_000);
    expect(children).toHaveLength(1);
    expect(timers.waiting).toBe(0);
  });

  it('logs whole lines of its output', () => {
    const { supervisor, log, last } = createSupervisor(never);
    supervisor.start();
    last().write('one\ntw');
    last().write('o\n');
    last().write('bad\n', 'stderr');
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual(['info one', 'info two', 'warn bad']);
  });
});
