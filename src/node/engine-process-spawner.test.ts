import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { forkEngine } from './engine-process-spawner';

class FakeChild extends EventEmitter {
  connected = true;
  killed = false;
  readonly sent: unknown[] = [];
  send(message: unknown): boolean {
    this.sent.push(message);
    return true;
  }
  kill(): boolean {
    this.killed = true;
    return true;
  }
}

it('forks with advanced serialization and tells the end of the process', async () => {
  const child = new FakeChild();
  let serialization: string | undefined;
  const start = forkEngine(fileURLToPath(import.meta.url), (_path, _args, options) => {
    serialization = options.serialization;
    return child;
  });
  const started = await start();
  if (!started.ok) throw new Error(started.error.message);
  expect(serialization).toBe('advanced');
  const call = started.value.engine.listProviders();
  expect(child.sent).toHaveLength(1);
  child.emit('exit', null, 'SIGKILL');
  expect(await started.value.exited).toContain('SIGKILL');
  expect(await call).toMatchObject({ ok: false, error: { code: 'engine-gone' } });
});

it('says when its program is missing or cannot start', async () => {
  const missing = forkEngine('/nowhere/engine-process.js', () => new FakeChild());
  expect(await missing()).toMatchObject({ ok: false, error: { code: 'engine-start-failed', retryable: false } });
  const failing = forkEngine(fileURLToPath(import.meta.url), () => {
    throw new Error('EAGAIN');
  });
  expect(await failing()).toMatchObject({ ok: false, error: { code: 'engine-start-failed', retryable: true } });
});
