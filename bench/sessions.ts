import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SessionClient } from '../src/coordinator/testing/session-client';
import { createCoordinator } from '../src/coordinator';

/**
 * A lecture hall in one live session: every participant has a connection of its own, turns are posted at a steady rate by
 * all in turn, and every one of them must see the same gapless order. One participant is cut off for a while and comes
 * back. The host runs in a process of its own with its database on disk; all participants share one other process.
 *
 * `node scripts/bench.mjs sessions -- --participants 200 --rate 20 --seconds 30 --missed 100`
 */
const { values: given } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: {
    participants: { type: 'string', default: '200' },
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '30' },
    missed: { type: 'string', default: '100' },
    host: { type: 'string' },
  },
});

type Json = Record<string, unknown>;

async function runHost(databaseFile: string): Promise<void> {
  const coordinator = createCoordinator({ databaseFile, rateLimitPerMinute: 1_000_000 });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  process.send?.({ url: started.value.url });
  process.on('message', () => {
    process.send?.({ cpu: process.cpuUsage(), memory: process.memoryUsage().rss });
    void coordinator.stop().then(() => process.exit(0));
  });
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

class Listener {
  readonly ids: string[] = [];
  gaps = 0;

  constructor(
    readonly client: SessionClient,
    sentAt: ReadonlyMap<string, number>,
    latencies: number[],
  ) {
    client.socket.behave((message) => {
      if (message['type'] !== 'session-turns') return;
      for (const turn of message['turns'] as Json[]) {
        const id = String(turn['id']);
        if (Number(turn['seq']) === this.ids.length + 1) this.ids.push(id);
        else if (Number(turn['seq']) > this.ids.length) this.gaps += 1;
        const sent = sentAt.get(id);
        if (sent !== undefined) latencies.push(performance.now() - sent);
      }
      // The recorder of the test client would keep every message.
      client.socket.messages.length = 0;
    });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within 60 s`);
    await pause(5);
  }
}

async function measure(folder: string): Promise<void> {
  const participants = Number(given.participants);
  const rate = Number(given.rate);
  const count = rate * Number(given.seconds);
  const missed = Math.min(Number(given.missed), count - 2);
  const child = fork(fileURLToPath(import.meta.url), ['--host', join(folder, 'host.sqlite')], { stdio: 'inherit' });
  // A run that fails must not leave its host behind.
  process.once('exit', () => child.kill());
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];

  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const owner = await SessionClient.connect(url, 'Person 0');
  const sessionId = await owner.create();
  const code = await owner.invite(sessionId, 'member', { uses: 1_000 });
  const listeners = [new Listener(owner, sentAt, latencies)];
  const joinedFrom = performance.now();
  for (let number = 1; number < participants; number += 1) {
    const client = await SessionClient.connect(url, `Person ${number}`);
    listeners.push(new Listener(client, sentAt, latencies));
    await client.join(sessionId, code);
  }
  const joinMs = performance.now() - joinedFrom;

  const absent = listeners[1];
  if (absent === undefined) throw new Error('two participants at least');
  const cutAt = Math.floor((count - missed) / 2);
  const backAt = cutAt + missed;
  let catchUpMs = Number.NaN;
  let back: Promise<void> = Promise.resolve();
  const comeBack = async (): Promise<void> => {
    const from = performance.now();
    const again = await SessionClient.connect(url, 'Person 1', absent.client.key);
    const returned = new Listener(again, new Map(), []);
    returned.ids.push(...absent.ids);
    const entered = await again.ask({ type: 'session-enter', session_id: sessionId, after_seq: absent.ids.length });
    for (const turn of entered['turns'] as Json[]) {
      if (Number(turn['seq']) === returned.ids.length + 1) returned.ids.push(String(turn['id']));
    }
    // A turn that came between the page and the first event is asked for, as every client does over a gap.
    for (;;) {
      const after = returned.ids.length;
      const page = await again.ask({ type: 'session-read', session_id: sessionId, after_seq: after });
      const turns = page['turns'] as Json[];
      if (turns.length === 0) break;
      for (const turn of turns) {
        if (Number(turn['seq']) === returned.ids.length + 1) returned.ids.push(String(turn['id']));
      }
    }
    catchUpMs = performance.now() - from;
    listeners[1] = returned;
  };

  const startedAt = performance.now();
  const acknowledged: Promise<number>[] = [];
  for (let number = 0; number < count; number += 1) {
    if (number === cutAt) absent.client.drop();
    if (number === backAt) back = comeBack();
    const place = number % participants;
    const writer = listeners[place === 1 ? 0 : place]?.client ?? owner;
    const turn = writer.turn(sessionId, `Turn ${number}: a sentence of ordinary length, as people write them.`);
    sentAt.set(String(turn['id']), performance.now());
    acknowledged.push(writer.post(sessionId, turn));
    await pause(Math.max(0, startedAt + ((number + 1) * 1_000) / rate - performance.now()));
  }
  const seqs = await Promise.all(acknowledged);
  const postedMs = performance.now() - startedAt;
  await back;
  await until('every turn everywhere', () => listeners.every(({ ids }) => ids.length === count));

  const [first, ...others] = listeners;
  const order = first?.ids.join(' ');
  const same = others.every(({ ids }) => ids.join(' ') === order);
  const gapless = seqs.toSorted((a, b) => a - b).every((seq, index) => seq === index + 1);
  const sorted = latencies.toSorted((a, b) => a - b);
  child.send('stop');
  const [usage] = (await once(child, 'message')) as [{ cpu: NodeJS.CpuUsage; memory: number }];
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const lines = [
    `participants                ${participants} (joined in ${(joinMs / 1_000).toFixed(1)} s)`,
    `turns                       ${count} in ${(postedMs / 1_000).toFixed(1)} s = ${((count * 1_000) / postedMs).toFixed(1)} a second`,
    `deliveries                  ${sorted.length}`,
    `sequence gapless            ${gapless ? 'yes' : 'NO'}`,
    `same order for everybody    ${same ? 'yes' : 'NO'}`,
    `gaps seen on the way        ${listeners.reduce((sum, { gaps }) => sum + gaps, 0)}`,
    `latency post to seen        p50 ${ms(percentile(sorted, 0.5))}, p95 ${ms(percentile(sorted, 0.95))}, p99 ${ms(percentile(sorted, 0.99))}, max ${ms(sorted.at(-1) ?? Number.NaN)}`,
    `cut off for                 ${missed} turns; back and caught up in ${ms(catchUpMs)} (with connecting and proof)`,
    `host                        ${((usage.cpu.user + usage.cpu.system) / 1e6).toFixed(1)} s of processor, ${(usage.memory / 1_048_576).toFixed(0)} MiB`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  await once(child, 'exit');
  for (const { client } of listeners) client.drop();
  if (!same || !gapless) process.exitCode = 1;
}

if (given.host === undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'tore-bench-sessions-'));
  await measure(folder).finally(() => rm(folder, { recursive: true, force: true }));
} else {
  await runHost(given.host);
}
