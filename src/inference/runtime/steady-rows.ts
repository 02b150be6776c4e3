import { graphFormFor, type GraphForm } from '../shards/graph-form';
import { addProduct } from '../shards/graph-weights';
import { OnnxGraph } from '../shards/onnx-graph';
import { BLOCK_WEIGHTS, quantize } from '../shards/quantization';
import { PRECISION_BITS, type ShardPrecision } from '../shards/weight-layout';
import type { Device } from '../device';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession } from './onnx-runtime';

/** A small matrix shows which kernel a processor takes for how many rows: the choice depends on the rows alone. */
const MATRIX_ROWS = 64;
const MATRIX_COLUMNS = 4 * BLOCK_WEIGHTS;
/** Rows that are compared, and the numbers of them that go in together. */
const TRIED_TOGETHER = [8, 5, 4, 3, 2] as const;
const [ALL_ROWS] = TRIED_TOGETHER;

/** How many rows a product with weights needs for its rows to have bits that do not depend on their number. */
export type SteadyRows =
  /** Any number, as most kernels. */
  | 1
  /** Two: a row alone takes another kernel, which adds up in another order (int4 on x64 with AVX2 and no AVX-512). */
  | 2
  /** No number is enough; answers may differ in their last bits when they are served together. */
  | undefined;

/**
 * Measures how the products of a precision behave on a device of this computer, with the operator and the options the
 * shards use. Takes a few milliseconds.
 *
 * @throws when the device cannot run the product
 */
export async function measureSteadyRows(
  runtime: OnnxRuntime,
  precision: ShardPrecision,
  device: Device,
  threads: number | undefined,
): Promise<SteadyRows> {
  const session = await runtime.createSession(
    buildGraph(precision, graphFormFor(device, precision)),
    sessionOptions(device, threads),
  );
  try {
    const input = fillUnevenly(new Float32Array(ALL_ROWS * MATRIX_COLUMNS));
    const expected = await multiply(runtime, session, input);
    const isSteady = async (count: number): Promise<boolean> => {
      for (let first = 0; first + count <= ALL_ROWS; first++) {
        const rows = input.slice(first * MATRIX_COLUMNS, (first + count) * MATRIX_COLUMNS);
        const result = await multiply(runtime, session, rows);
        if (!hasSameBits(result, expected.subarray(first * MATRIX_ROWS, (first + count) * MATRIX_ROWS))) return false;
      }
      return true;
    };
    for (const count of TRIED_TOGETHER) if (!(await isSteady(count))) return undefined;
    return (await isSteady(1)) ? 1 : 2;
  } finally {
    await session.release();
  }
}

function buildGraph(precision: ShardPrecision, form: GraphForm): Uint8Array {
  const graph = new OnnxGraph();
  const input = graph.input(INPUT, 'float32', [1, 'rows', MATRIX_COLUMNS]);
  const weights = fillUnevenly(new Float32Array(MATRIX_ROWS * MATRIX_COLUMNS));
  const dimensions = [MATRIX_ROWS, MATRIX_COLUMNS];
  const matrix = { precision, dimensions, parts: addMatrix(graph, precision, weights) };
  addProduct(graph, input, matrix, OUTPUT, form);
  graph.output(OUTPUT, 'float32', [1, 'rows', MATRIX_ROWS]);
  return graph.finish('steady_rows');
}

function addMatrix(graph: OnnxGraph, precision: ShardPrecision, weights: Float32Array): string[] {
  if (precision === 'fp32') return [graph.floats('matrix', [MATRIX_ROWS, MATRIX_COLUMNS], weights)];
  const bits = PRECISION_BITS[precision];
  const blocks = MATRIX_COLUMNS / BLOCK_WEIGHTS;
  const { numbers, scales } = quantize(weights, bits);
  return [
    graph.bytes('numbers', [MATRIX_ROWS, blocks, (BLOCK_WEIGHTS * bits) / 8], numbers),
    graph.floats('scales', [MATRIX_ROWS, blocks], scales),
  ];
}

const INPUT = 'rows';
const OUTPUT = 'products';

/** Numbers whose sums round differently in different orders. */
function fillUnevenly(values: Float32Array): Float32Array {
  for (const index of values.keys()) values[index] = Math.sin(index * 12.9898 + 0.5) * (1 + (index % 7));
  return values;
}

async function multiply(runtime: OnnxRuntime, session: OnnxSession, rows: Float32Array): Promise<Float32Array> {
  const count = rows.length / MATRIX_COLUMNS;
  const outputs = await session.run({ [INPUT]: runtime.createTensor('float32', rows, [1, count, MATRIX_COLUMNS]) });
  return floatsOf(outputs, OUTPUT).slice();
}

function hasSameBits(left: Float32Array, right: Float32Array): boolean {
  const bytesOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return bytesOf(left).equals(bytesOf(right));
}
