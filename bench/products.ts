import { addProduct } from '../src/inference/shards/graph-weights';
import { OnnxGraph } from '../src/inference/shards/onnx-graph';
import { BLOCK_WEIGHTS } from '../src/inference/shards/quantization';
import { PRECISION_BITS } from '../src/inference/shards/weight-layout';
import { loadOnnxRuntime, sessionOptions, type OnnxSession } from '../src/inference/runtime/onnx-runtime';
import { MEASURED_CONFIG, median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * The products of a step with nothing between them: what is left of a step when attention, norms and the engine cost nothing.
 * So this is the most that serving several requests together, and chunks of prompts, can give on a processor.
 *
 * `node scripts/bench.mjs products [rounds] [threads]`
 */
const [roundsText = '7', threadsText = '2'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const THREADS = Number.parseInt(threadsText, 10);
const ROW_COUNTS = [1, 2, 4, 8, 16, 128] as const;

const { shape } = MEASURED_CONFIG;
const QUERY_KEY_VALUE = (shape.attention_heads + 2 * shape.key_value_heads) * shape.head_size;
/** `[output, input]` of the matrices of a layer. */
const LAYER = [
  [QUERY_KEY_VALUE, shape.hidden_size],
  [shape.hidden_size, shape.attention_heads * shape.head_size],
  [2 * shape.feed_forward_size, shape.hidden_size],
  [shape.hidden_size, shape.feed_forward_size],
] as const;
const MATRICES = [
  ...Array.from({ length: shape.layers }, () => LAYER).flat(),
  [shape.vocabulary_size, shape.hidden_size] as const,
];
const WIDTHS = [...new Set(MATRICES.map(([, columns]) => columns))];

let state = 12_345;
/** Numbers without a pattern: those of a pattern take half the time. */
function draw(): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return state;
}

const runtime = await loadOnnxRuntime();

function openProducts(precision: 'int4' | 'int8'): Promise<OnnxSession> {
  const bits = PRECISION_BITS[precision];
  const graph = new OnnxGraph();
  for (const width of WIDTHS) graph.input(`input_${width}`, 'float32', [1, 'rows', width]);
  const corners = MATRICES.map(([rows, columns], index) => {
    const blocks = columns / BLOCK_WEIGHTS;
    const numbers = Uint8Array.from({ length: (rows * columns * bits) / 8 }, () => draw() >> 16);
    const scales = Float32Array.from({ length: rows * blocks }, () => 0.001 * (0.5 + draw() / 0x7fffffff));
    const parts = [
      graph.bytes(`numbers_${index}`, [rows, blocks, (BLOCK_WEIGHTS * bits) / 8], numbers),
      graph.floats(`scales_${index}`, [rows, blocks], scales),
    ];
    addProduct(graph, `input_${columns}`, { precision, dimensions: [rows, columns], parts }, `product_${index}`, {
      isOnCard: false,
    });
    // Only a corner leaves the graph, so that copying results takes no time.
    return graph.node('Slice', [`product_${index}`, graph.integers([0]), graph.integers([1]), graph.integers([2])]);
  });
  graph.nodeWithOutputs('Sum', corners, ['sum']);
  graph.output('sum', 'float32', [1, 'rows', 1]);
  return runtime.createSession(graph.finish('products'), sessionOptions({ provider: 'cpu' }, THREADS));
}

async function time(session: OnnxSession, rows: number): Promise<number> {
  const inputs = Object.fromEntries(
    WIDTHS.map((width) => {
      const values = Float32Array.from({ length: rows * width }, () => draw() / 0x7fffffff - 0.5);
      return [`input_${width}`, runtime.createTensor('float32', values, [1, rows, width])];
    }),
  );
  const start = performance.now();
  await session.run(inputs);
  return performance.now() - start;
}

const report: ReportRow[] = [];
for (const precision of ['int4', 'int8'] as const) {
  const session = await openProducts(precision);
  const times = new Map<number, number[]>(ROW_COUNTS.map((count) => [count, []]));
  // The first round only warms up.
  for (let round = -1; round < ROUNDS; round++) {
    for (const count of ROW_COUNTS) {
      const ms = await time(session, count);
      if (round >= 0) times.get(count)?.push(ms);
    }
  }
  const alone = times.get(1) ?? [];
  for (const [count, own] of times) {
    report.push({
      name: `${precision}, ${count} row(s)`,
      ours: (1_000 * count) / median(own),
      baseline: 1_000 / median(alone),
      ratio: median(own.map((ms, round) => (count * (alone[round] ?? Number.NaN)) / ms)),
    });
  }
  await session.release();
}
await writeReport({
  name: 'products',
  title: 'The products of a step alone, by rows that go through the weights together',
  unit: 'rows/s',
  baselineName: 'one row',
  note: `${THREADS} thread(s), the matrices of the measured model and its head, medians of ${ROUNDS} paired rounds.`,
  rows: report,
});
process.exit(0);
