import type { GraphForm } from './graph-form';
import { MICROSOFT_DOMAIN, type OnnxGraph } from './onnx-graph';
import { BLOCK_WEIGHTS } from './quantization';
import {
  PRECISION_BITS,
  type PlacedPart,
  type PlacedWeight,
  type ShardPrecision,
  type WeightLayout,
} from './weight-layout';

/**
 * MatMulNBits may round its input to int8 per block of 32 and multiply integers: more than twice as fast as expanding
 * the weights to floats, at an error far below that of the weights.
 */
const INTEGER_PRODUCTS = 4;

/** The weights of a shard inside its graph: names them, and multiplies with them as their precision asks. */
export class GraphWeights {
  readonly #graph: OnnxGraph;
  readonly #weights: ReadonlyMap<string, PlacedWeight>;
  readonly #dataFileName: string;
  readonly #form: GraphForm;

  /** Adds every weight of the layout to the graph. */
  constructor(graph: OnnxGraph, layout: WeightLayout, dataFileName: string, form: GraphForm) {
    this.#form = form;
    this.#graph = graph;
    this.#dataFileName = dataFileName;
    this.#weights = new Map(layout.weights.map((weight) => [weight.name, weight]));
    for (const { parts } of layout.weights) for (const part of parts) this.#declare(part);
  }

  /**
   * input × weightᵀ + bias. Weights stay `[output, input]` as models store them; onnxruntime packs them when it loads.
   *
   * @param output - name of the result, where it matters
   */
  multiply(input: string, name: string, bias?: string, output?: string): string {
    const target = bias === undefined && output !== undefined ? output : `${name}_product`;
    const { dimensions, precision, parts } = this.#find(name);
    const matrix = precision === 'fp32' ? [name] : parts.map((part) => part.name);
    addProduct(this.#graph, input, { precision, dimensions, parts: matrix }, target, this.#form);
    if (bias === undefined) return target;
    if (output === undefined) return this.#graph.node('Add', [target, bias]);
    this.#graph.nodeWithOutputs('Add', [target, bias], [output]);
    return output;
  }

  /** Rows of a matrix: float32 `[1, positions, columns]` for indices int64 `[1, positions]`. */
  lookUp(name: string, indices: string): string {
    const { dimensions, precision, parts } = this.#find(name);
    if (precision === 'fp32') return this.#graph.node('Gather', [name, indices], { axis: 0 });
    const [numbers, scales] = parts;
    if (numbers === undefined || scales === undefined) throw new Error(`${name} has no blocks`);
    const [rows = 0, columns = 0] = dimensions;
    const bits = PRECISION_BITS[precision];
    // The same bytes as the product sees, in the two dimensions the look-up asks for.
    const flat = this.#declare({ ...numbers, name: `${name}_rows`, dimensions: [rows, (columns * bits) / 8] });
    const attributes = { gather_axis: 0, quantize_axis: 1, block_size: BLOCK_WEIGHTS, bits };
    return this.#graph.node('GatherBlockQuantized', [flat, indices, scales.name], attributes, MICROSOFT_DOMAIN);
  }

  #declare({ name, type, dimensions, offsetBytes, sizeBytes }: PlacedPart): string {
    return this.#graph.weight(name, type, dimensions, { fileName: this.#dataFileName, offsetBytes, sizeBytes });
  }

  #find(name: string): PlacedWeight {
    const weight = this.#weights.get(name);
    if (weight === undefined) throw new Error(`the shard has no weight ${name}`);
    return weight;
  }
}

/** A matrix of a graph, by the names of what holds it: floats `[rows, columns]`, or numbers and scales of its blocks. */
export interface GraphMatrix {
  readonly precision: ShardPrecision;
  /** Of the values: `[rows, columns]`. */
  readonly dimensions: readonly number[];
  readonly parts: readonly string[];
}

/** input × matrixᵀ: float32 `[1, positions, columns]` to `[1, positions, rows]`, under the name `output`. */
export function addProduct(
  graph: OnnxGraph,
  input: string,
  matrix: GraphMatrix,
  output: string,
  { isOnCard }: Pick<GraphForm, 'isOnCard'>,
): void {
  const { precision, dimensions, parts } = matrix;
  const [rows = 0, columns = 0] = dimensions;
  if (precision === 'fp32') {
    if (isOnCard) {
      const flat = graph.node('Reshape', [input, graph.integers([-1, columns])]);
      const product = graph.node('Gemm', [flat, ...parts], { transB: 1 });
      graph.nodeWithOutputs('Reshape', [product, graph.integers([1, -1, rows])], [output]);
      return;
    }
    graph.nodeWithOutputs('FusedMatMul', [input, ...parts], [output], { transA: 0, transB: 1 }, MICROSOFT_DOMAIN);
    return;
  }
  const attributes = {
    N: rows,
    K: columns,
    bits: PRECISION_BITS[precision],
    block_size: BLOCK_WEIGHTS,
    accuracy_level: INTEGER_PRODUCTS,
  };
  graph.nodeWithOutputs('MatMulNBits', [input, ...parts], [output], attributes, MICROSOFT_DOMAIN);
}
