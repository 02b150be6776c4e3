import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLibrary } from '../src/library';

/**
 * Imports a generated ChatGPT export into a new library and reports time, peak memory (of a process that does nothing
 * else), the size of the library, how long cancelling half-way takes, and how long searches take.
 *
 * `node scripts/bench.mjs library -- --size-mb 1024 [--messages 100000]`
 *
 * `--size-mb` is the size of the export; `--messages` sets the messages of a second library, for the searches.
 */
const { values: given } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: {
    'size-mb': { type: 'string', default: '1024' },
    messages: { type: 'string', default: '100000' },
    work: { type: 'string' },
    file: { type: 'string' },
    folder: { type: 'string' },
    'cancel-at': { type: 'string' },
  },
});

const MEBIBYTE = 1_048_576;
const SYLLABLES = [
  'ba',
  'de',
  'fi',
  'go',
  'hu',
  'ka',
  'le',
  'mi',
  'no',
  'pu',
  'ra',
  'se',
  'ti',
  'vo',
  'zu',
  'an',
  'er',
  'il',
];

/** A small generator with a fixed seed: every run has the same file. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const random = createRandom(7);
const pick = (count: number): number => Math.floor(random() * count);
/** Some thousand words, the first ones common and the last ones rare, as in language. */
const WORDS = Array.from({ length: 8_000 }, () =>
  Array.from({ length: 2 + pick(3) }, () => SYLLABLES[pick(SYLLABLES.length)]).join(''),
);

function words(count: number): string {
  return Array.from({ length: count }, () => WORDS[Math.floor(random() ** 3 * WORDS.length)]).join(' ');
}

/** A conversation of an export with as many messages, a branch, and texts as people and models write them. */
function conversation(index: number, messageCount: number, wordsEach: number): object {
  const id = `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
  const mapping: Record<string, object> = {};
  let parent = `${id}-root`;
  mapping[parent] = { id: parent, message: null, parent: null, children: [`${id}-0`] };
  for (let at = 0; at < messageCount; at += 1) {
    const node = `${id}-${at}`;
    const isUser = at % 2 === 0;
    mapping[node] = {
      id: node,
      message: {
        id: node,
        author: { role: isUser ? 'user' : 'assistant', name: null, metadata: {} },
        create_time: 1_700_000_000 + index * 100 + at,
        update_time: null,
        content: { content_type: 'text', parts: [words(isUser ? Math.ceil(wordsEach / 6) : wordsEach)] },
        status: 'finished_successfully',
        end_turn: true,
        weight: 1,
        metadata: isUser ? {} : { model_slug: 'gpt-4o', finish_details: { type: 'stop' } },
        recipient: 'all',
      },
      parent,
      children: at + 1 < messageCount ? [`${id}-${at + 1}`] : [],
    };
    parent = node;
  }
  return {
    title: words(4),
    create_time: 1_700_000_000 + index * 100,
    update_time: 1_700_000_000 + index * 100 + messageCount,
    mapping,
    current_node: parent,
    conversation_id: id,
    id,
  };
}

async function generate(
  path: string,
  isFull: (bytes: number, count: number) => boolean,
  messages: number,
  wordsEach: number,
): Promise<void> {
  const output = createWriteStream(path);
  let bytes = 0;
  for (let index = 0; !isFull(bytes, index); index += 1) {
    const text = `${index === 0 ? '[' : ',\n'}${JSON.stringify(conversation(index, messages, wordsEach))}`;
    bytes += text.length;
    if (!output.write(text)) await once(output, 'drain');
  }
  output.end(']');
  await finished(output);
}

function log(text: string): void {
  console.log(text);
}

/** What the process does that is started for one measurement. */
async function work(): Promise<void> {
  const opened = await openLibrary(given.folder ?? '');
  if (!opened.ok) throw new Error(opened.error.message);
  const library = opened.value;
  const controller = new AbortController();
  const cancelAt = given['cancel-at'] === undefined ? Infinity : Number(given['cancel-at']);
  let updates = 0;
  let cancelledAt = 0;
  let longestPauseMs = 0;
  let lastTurn = performance.now();
  // How long other work of the process would have had to wait for its turn.
  const turns = setInterval(() => {
    const now = performance.now();
    longestPauseMs = Math.max(longestPauseMs, now - lastTurn);
    lastTurn = now;
  }, 5);
  const start = performance.now();
  const result = await library.importFile(given.file ?? '', {
    signal: controller.signal,
    onProgress: ({ bytesDone, bytesTotal }) => {
      updates += 1;
      if (bytesDone / bytesTotal >= cancelAt && !controller.signal.aborted) {
        cancelledAt = performance.now();
        controller.abort();
      }
    },
  });
  const seconds = (performance.now() - start) / 1_000;
  clearInterval(turns);
  const storage = await library.storage();
  process.send?.({
    ok: result.ok,
    report: result.ok ? { ...result.value, skipped: undefined, failed: undefined } : result.error,
    seconds,
    updates,
    longestPauseMs,
    undoSeconds: cancelledAt === 0 ? 0 : (performance.now() - cancelledAt) / 1_000,
    peakMb: process.resourceUsage().maxRSS / 1_024,
    storage: storage.ok ? storage.value : null,
  });
  await library.close();
}

function measured(file: string, folder: string, ...more: readonly string[]): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [
      '--work',
      'import',
      '--file',
      file,
      '--folder',
      folder,
      ...more,
    ]);
    let result: Record<string, unknown> | null = null;
    child.on('message', (message) => (result = message as Record<string, unknown>));
    child.on('exit', (code) =>
      result === null ? reject(new Error(`the import ended with ${code}`)) : resolve(result),
    );
  });
}

async function searches(folder: string): Promise<void> {
  const opened = await openLibrary(folder);
  if (!opened.ok) throw new Error(opened.error.message);
  const library = opened.value;
  const storage = await library.storage();
  const count = storage.ok ? storage.value.messageCount : 0;
  const common = WORDS[0] ?? '';
  const rare = WORDS[7_000] ?? '';
  const queries: readonly (readonly [string, string])[] = [
    ['two letters, still typing', common.slice(0, 2)],
    ['a beginning', common.slice(0, 3)],
    ['a common word', `${common} `],
    ['a rare word', `${rare} `],
    ['two words', `${common} ${WORDS[40]} `],
    ['a phrase', `"${common} ${WORDS[1]}"`],
    ['nothing found', 'qqqqqq '],
  ];
  log(`\nSearch over ${count.toLocaleString('en-US')} messages, first page of 20, medians of 9:`);
  log('| query | first time, ms | median, ms | worst, ms |\n|---|---|---|---|');
  for (const [name, query] of queries) {
    const times: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const start = performance.now();
      const found = await library.search(query, { limit: 20 });
      if (!found.ok) throw new Error(found.error.message);
      times.push(performance.now() - start);
    }
    const first = times[0] ?? Number.NaN;
    const sorted = [...times].sort((a, b) => a - b);
    log(`| ${name} | ${first.toFixed(1)} | ${sorted[4]?.toFixed(1)} | ${sorted.at(-1)?.toFixed(1)} |`);
  }
  await library.close();
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tore-bench-library-'));
  try {
    const large = join(folder, 'large.json');
    const sizeMb = Number(given['size-mb']);
    await generate(large, (bytes) => bytes >= sizeMb * MEBIBYTE, 30, 300);
    const { size } = await stat(large);
    log(`Import of a ChatGPT export of ${(size / MEBIBYTE).toFixed(0)} MB:`);
    log(JSON.stringify(await measured(large, join(folder, 'one')), null, 2));
    log('The same again (nothing new):');
    log(JSON.stringify(await measured(large, join(folder, 'one')), null, 2));
    log('Cancelled half-way:');
    log(JSON.stringify(await measured(large, join(folder, 'two'), '--cancel-at', '0.5'), null, 2));
    await rm(large);
    const many = join(folder, 'many.json');
    const messages = Number(given.messages);
    await generate(many, (_bytes, count) => count * 20 >= messages, 20, 120);
    await measured(many, join(folder, 'three'));
    await searches(join(folder, 'three'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await (given.work === undefined ? main() : work());
