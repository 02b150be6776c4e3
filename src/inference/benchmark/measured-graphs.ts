import { OnnxGraph } from '../shards/onnx-graph';

/**
 * A graph whose work is known. Its large operands lie inside it, so that on a graphics card nothing but one number
 * travels there and back while it is measured.
 */
export interface MeasuredGraph {
  readonly bytes: Uint8Array;
  /** Floating-point operations, or bytes read and written, of one run. */
  readonly workPerRun: number;
}

/** Input, float32 `[1]`: a factor or summand that keeps onnxruntime from computing the result when it loads. */
export const GRAPH_INPUT = 'number';
/** Output, float32 `[1]`. */
export const GRAPH_OUTPUT = 'result';

const MATRIX_ROWS = 512;
const MATRIX_SIZE = 1_024;
const PRODUCTS_PER_RUN = 4;
/** 32 MB, read and written: beyond the caches of common processors. */
const STREAM_FLOATS = 8 << 20;

/** A chain of products `[512, 1024] × [1024, 1024]`. */
export function buildProductGraph(): MeasuredGraph {
  const graph = new OnnxGraph();
  graph.input(GRAPH_INPUT, 'float32', [1]);
  const left = graph.floats('left', [MATRIX_ROWS, MATRIX_SIZE], new Float32Array(MATRIX_ROWS * MATRIX_SIZE).fill(0.5));
  // Each row sums to 1, so that the numbers neither grow nor vanish along the chain.
  const right = new Float32Array(MATRIX_SIZE * MATRIX_SIZE).fill(1 / MATRIX_SIZE);
  graph.floats('right', [MATRIX_SIZE, MATRIX_SIZE], right);
  let product = graph.node('Mul', [left, GRAPH_INPUT]);
  for (let step = 0; step < PRODUCTS_PER_RUN; step++) product = graph.node('MatMul', [product, 'right']);
  addFirstNumber(graph, graph.node('Reshape', [product, graph.integers([-1])]));
  const workPerRun = PRODUCTS_PER_RUN * 2 * MATRIX_ROWS * MATRIX_SIZE * MATRIX_SIZE;
  return { bytes: graph.finish('products'), workPerRun };
}

/** Adds a number to every element of a large list. */
export function buildStreamGraph(): MeasuredGraph {
  const graph = new OnnxGraph();
  graph.input(GRAPH_INPUT, 'float32', [1]);
  graph.floats('list', [STREAM_FLOATS], new Float32Array(STREAM_FLOATS).fill(0.25));
  addFirstNumber(graph, graph.node('Add', ['list', GRAPH_INPUT]));
  const workPerRun = 2 * STREAM_FLOATS * Float32Array.BYTES_PER_ELEMENT;
  return { bytes: graph.finish('stream'), workPerRun };
}

function addFirstNumber(graph: OnnxGraph, list: string): void {
  const bounds = [graph.integers([0]), graph.integers([1]), graph.integers([0])];
  graph.nodeWithOutputs('Slice', [list, ...bounds], [GRAPH_OUTPUT]);
  graph.output(GRAPH_OUTPUT, 'float32', [1]);
}
