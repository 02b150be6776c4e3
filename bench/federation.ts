import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCoordinator } from '../src/coordinator';
import type { CoordinatorOptions } from '../src/coordinator/config';
import { federationFiles, federationOptions } from '../src/coordinator/testing/federation-pair';
import { testManifest } from '../src/coordinator/testing/test-model';
import { serveFirst, serveLast, WsNode } from '../src/coordinator/testing/ws-node';
import { hashManifest } from '../src/inference/models/model-folder';
import { median } from './support/measured-model';

/**
 * What the link between two coordinators adds: the same request asked at B, whose nodes answer, and at A, which asks B
 * over the link. Each coordinator is a process of its own with its database on disk. The nodes compute nothing and answer
 * at once, so that what is measured is coordinators and sockets alone. Both ways take turns within a round.
 *
 * `node scripts/bench.mjs federation [rounds]`
 */
const rounds = Number(process.argv[2] ?? 10);
const TOKENS = 64;
const AT_ONCE = [1, 8];
const WARM_UP_ROUNDS = 2;

type Json = Record<string, unknown>;

async function runCoordinator(options: CoordinatorOptions): Promise<void> {
  const coordinator = createCoordinator(options);
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  process.send?.({ url: started.value.url });
  process.on('message', () => void coordinator.stop().then(() => process.exit(0)));
}

const children: ChildProcess[] = [];

async function start(options: CoordinatorOptions): Promise<string> {
  const child = fork(fileURLToPath(import.meta.url), ['--coordinator', JSON.stringify(options)]);
  children.push(child);
  process.once('exit', () => child.kill());
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return url;
}

async function connected(url: string): Promise<WsNode> {
  const node = await WsNode.connect(url);
  await node.register();
  return node;
}

interface Answer {
  /** Milliseconds from asking to the first token, and to the settled reply. */
  readonly firstMs: number;
  readonly wholeMs: number;
}

async function ask(asker: WsNode): Promise<Answer> {
  const requestId = randomUUID();
  const askedAt = performance.now();
  const call = asker.begin({
    type: 'generate',
    request_id: requestId,
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: TOKENS,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
  });
  await asker.next('generate-token', (message) => message['request_id'] === requestId);
  const firstMs = performance.now() - askedAt;
  const reply = await asker.next('reply', (message) => message['call_id'] === call);
  if (reply['ok'] !== true) throw new Error(JSON.stringify(reply['error']));
  if (Number((reply['value'] as Json)['tokens']) !== TOKENS) throw new Error('an answer is not whole');
  // The recorder of the test client keeps every message.
  asker.messages.length = 0;
  return { firstMs, wholeMs: performance.now() - askedAt };
}

/** Several askers at once; medians of their answers and tokens a second of all together. */
async function round(askers: readonly WsNode[]): Promise<Answer & { readonly tokensPerSecond: number }> {
  const begun = performance.now();
  const answers = await Promise.all(askers.map((asker) => ask(asker)));
  const seconds = (performance.now() - begun) / 1_000;
  return {
    firstMs: median(answers.map(({ firstMs }) => firstMs)),
    wholeMs: median(answers.map(({ wholeMs }) => wholeMs)),
    tokensPerSecond: (askers.length * TOKENS) / seconds,
  };
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!(await look())) {
    if (performance.now() > giveUpAt) throw new Error(`${what} did not happen within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function measure(folder: string): Promise<void> {
  const files = await federationFiles();
  const common = { rateLimitPerMinute: 1_000_000, workCheckRate: 0, firstChallengeAfterSeconds: 3_600 };
  const b = await start({
    ...common,
    databaseFile: join(folder, 'b.sqlite'),
    tokenEconomy: false,
    ...federationOptions(files, 'b', null),
  });
  const a = await start({
    ...common,
    databaseFile: join(folder, 'a.sqlite'),
    openingGrantMicroGft: 1_000_000_000,
    ...federationOptions(files, 'a', b),
  });
  const manifest = testManifest();
  const introduction = { manifest, manifest_hash: hashManifest(manifest) };
  const [first, last] = [await connected(b), await connected(b)];
  serveFirst(first);
  serveLast(last);
  await first.registerShard(0, 3, introduction);
  await last.registerShard(4, 7, introduction);
  await until('the link', async () => {
    const { models } = (await (await fetch(`${a}/inference/models`)).json()) as { models: Json[] };
    return models.some(({ served_by: servedBy }) => servedBy !== undefined);
  });

  console.log('| requests at once | figure | at B | over A | ratio |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const count of AT_ONCE) {
    const direct = await Promise.all(Array.from({ length: count }, () => connected(b)));
    const linked = await Promise.all(Array.from({ length: count }, () => connected(a)));
    const pairs: {
      readonly direct: Awaited<ReturnType<typeof round>>;
      readonly linked: Awaited<ReturnType<typeof round>>;
    }[] = [];
    for (let number = 0; number < rounds + WARM_UP_ROUNDS; number += 1) {
      // Whoever goes first meets a coordinator that has rested, so they take turns.
      const isFirst = number % 2 === 0;
      const before = isFirst ? await round(direct) : null;
      const over = await round(linked);
      const pair = { direct: before ?? (await round(direct)), linked: over };
      if (number >= WARM_UP_ROUNDS) pairs.push(pair);
      // They record everything; nobody reads it.
      for (const node of [first, last]) node.messages.length = node.frames.length = 0;
    }
    const row = (figure: string, of: (answer: Awaited<ReturnType<typeof round>>) => number, digits: number): void => {
      const [here, there] = [
        median(pairs.map((each) => of(each.direct))),
        median(pairs.map((each) => of(each.linked))),
      ];
      const ratio = median(pairs.map((each) => of(each.linked) / of(each.direct)));
      console.log(
        `| ${count} | ${figure} | ${here.toFixed(digits)} | ${there.toFixed(digits)} | ${ratio.toFixed(2)} |`,
      );
    };
    row('first token, ms', ({ firstMs }) => firstMs, 1);
    row(`all ${TOKENS} tokens and the settled reply, ms`, ({ wholeMs }) => wholeMs, 1);
    row('tokens a second, together', ({ tokensPerSecond }) => tokensPerSecond, 0);
    for (const asker of [...direct, ...linked]) asker.drop();
  }
  for (const node of [first, last]) node.drop();
  for (const child of children) child.send('stop');
  await Promise.all(children.map((child) => once(child, 'exit')));
  await files.remove();
}

const [, , mode, given] = process.argv;
if (mode === '--coordinator') await runCoordinator(JSON.parse(given ?? '{}') as CoordinatorOptions);
else {
  const folder = await mkdtemp(join(tmpdir(), 'tore-bench-federation-'));
  await measure(folder).finally(() => rm(folder, { recursive: true, force: true }));
}
