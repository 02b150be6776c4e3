import { ProtobufWriter } from './protobuf-writer';

/** Element types, by their numbers in ONNX TensorProto.DataType. */
export const ONNX_TYPES = { float16: 10, float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;
export type OnnxType = keyof typeof ONNX_TYPES;

/** Bytes of one element. */
export const ONNX_TYPE_BYTES: Readonly<Record<OnnxType, number>> = {
  float16: 2,
  float32: 4,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** A dimension is a size or the name of one that is known only when the graph runs. */
export type OnnxDimension = number | string;

/** An attribute: a whole number, a list of them, or a real number (marked, because 1 may be either). */
export type OnnxAttribute = number | readonly number[] | { readonly float: number };

/** A float32 result of a branch. */
export interface BranchResult {
  readonly name: string;
  readonly dimensions: readonly OnnxDimension[];
}

/** Bytes of a weight in the file beside the graph. */
export interface ExternalBytes {
  readonly fileName: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Operators outside the ONNX standard that onnxruntime adds. */
export const MICROSOFT_DOMAIN = 'com.microsoft';

/** Newest operator set and file version that every onnxruntime from 1.20 on reads. */
const OPERATOR_SET = 21;
const IR_VERSION = 10;
const MICROSOFT_OPERATOR_SET = 1;

/** Field numbers of onnx.proto (onnx/onnx.proto, ONNX 1.17). */
const MODEL = { irVersion: 1, producer: 2, graph: 7, operatorSet: 8 } as const;
const OPERATOR_SET_ID = { domain: 1, version: 2 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE = { name: 1, float: 2, integer: 3, graph: 6, integers: 8, type: 20 } as const;
const ATTRIBUTE_TYPES = { float: 1, integer: 2, graph: 5, integers: 7 } as const;
const TENSOR = { dimensions: 1, type: 2, name: 8, rawData: 9, externalData: 13, location: 14 } as const;
const EXTERNAL_LOCATION = 1;
const ENTRY = { key: 1, value: 2 } as const;
const VALUE_INFO = { name: 1, type: 2 } as const;
const TYPE_TENSOR = 1;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const SHAPE_DIMENSION = 1;
const DIMENSION = { value: 1, parameter: 2 } as const;

/** Collects the nodes of an ONNX graph and writes them as a model file. Values are known by name. */
export class OnnxGraph {
  /** Nodes of the graph, or of the branch that is being built. */
  #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #inputs: ProtobufWriter[] = [];
  readonly #outputs: ProtobufWriter[] = [];
  readonly #constants = new Set<string>();
  #nextValue = 0;

  input(name: string, type: OnnxType, dimensions: readonly OnnxDimension[]): string {
    this.#inputs.push(valueInfo(name, type, dimensions));
    return name;
  }

  output(name: string, type: OnnxType, dimensions: readonly OnnxDimension[]): void {
    this.#outputs.push(valueInfo(name, type, dimensions));
  }

  /** A weight whose bytes lie in the file beside the graph. */
  weight(name: string, type: OnnxType, dimensions: readonly number[], bytes: ExternalBytes): string {
    const tensor = tensorHeader(name, type, dimensions);
    const entries = {
      location: bytes.fileName,
      offset: String(bytes.offsetBytes),
      length: String(bytes.sizeBytes),
    };
    for (const [key, value] of Object.entries(entries)) {
      tensor.message(TENSOR.externalData, new ProtobufWriter().text(ENTRY.key, key).text(ENTRY.value, value));
    }
    this.#initializers.push(tensor.integer(TENSOR.location, EXTERNAL_LOCATION));
    return name;
  }

  /** A small list of integers inside the graph, shared by all who ask for the same one. */
  integers(values: readonly number[]): string {
    const name = `integers_${values.join('_').replaceAll('-', 'minus_')}`;
    if (!this.#constants.has(name)) {
      this.#constants.add(name);
      const data = BigInt64Array.from(values, BigInt);
      const tensor = tensorHeader(name, 'int64', [values.length]);
      this.#initializers.push(tensor.bytes(TENSOR.rawData, new Uint8Array(data.buffer)));
    }
    return name;
  }

  /** A float inside the graph, shared by all who ask for the same one. */
  scalar(value: number): string {
    const name = `float_${value}`;
    if (this.#constants.has(name)) return name;
    this.#constants.add(name);
    return this.#inline(name, 'float32', [], Float32Array.of(value));
  }

  /** A weight inside the graph file itself; for graphs that are made and used in memory. */
  floats(name: string, dimensions: readonly number[], values: Float32Array): string {
    return this.#inline(name, 'float32', dimensions, values);
  }

  /** As `floats`, of bytes. */
  bytes(name: string, dimensions: readonly number[], values: Uint8Array): string {
    return this.#inline(name, 'uint8', dimensions, values);
  }

  /** Adds a node with one output of a fresh name and returns that name. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}, domain = ''): string {
    const output = `${operator}_${this.#nextValue++}`;
    this.nodeWithOutputs(operator, inputs, [output], attributes, domain);
    return output;
  }

  /** Adds a node whose outputs the caller names; an empty name leaves an optional output or input out. */
  nodeWithOutputs(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
    domain = '',
  ): void {
    const node = new ProtobufWriter();
    for (const input of inputs) node.text(NODE.input, input);
    for (const output of outputs) node.text(NODE.output, output);
    node.text(NODE.name, `node_${this.#nodes.length}`).text(NODE.operator, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(NODE.attribute, attribute(name, value));
    if (domain !== '') node.text(NODE.domain, domain);
    this.#nodes.push(node);
  }

  /**
   * Runs one of two branches, by a bool scalar. Branches see all values before them.
   *
   * @param results - names and shapes of what comes out
   * @param whenTrue - adds nodes and returns the values that become the results, in their order
   */
  choose(
    condition: string,
    results: readonly BranchResult[],
    whenTrue: () => readonly string[],
    whenFalse: () => readonly string[],
  ): void {
    const node = new ProtobufWriter().text(NODE.input, condition);
    for (const { name } of results) node.text(NODE.output, name);
    node.text(NODE.name, `choice_${this.#nextValue++}`).text(NODE.operator, 'If');
    for (const [name, build] of [
      ['then_branch', whenTrue],
      ['else_branch', whenFalse],
    ] as const) {
      const branch = this.#branch(`${name}_${this.#nextValue++}`, results, build);
      const attribute = new ProtobufWriter().text(ATTRIBUTE.name, name).message(ATTRIBUTE.graph, branch);
      node.message(NODE.attribute, attribute.integer(ATTRIBUTE.type, ATTRIBUTE_TYPES.graph));
    }
    this.#nodes.push(node);
  }

  #inline(name: string, type: OnnxType, dimensions: readonly number[], values: ArrayBufferView): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#initializers.push(tensorHeader(name, type, dimensions).bytes(TENSOR.rawData, bytes));
    return name;
  }

  #branch(name: string, results: readonly BranchResult[], build: () => readonly string[]): ProtobufWriter {
    const outside = this.#nodes;
    this.#nodes = [];
    const values = build();
    const branch = new ProtobufWriter();
    for (const node of this.#nodes) branch.message(GRAPH.node, node);
    this.#nodes = outside;
    branch.text(GRAPH.name, name);
    for (const [index, { dimensions }] of results.entries()) {
      branch.message(GRAPH.output, valueInfo(values[index] ?? '', 'float32', dimensions));
    }
    return branch;
  }

  /** The bytes of the `.onnx` file. */
  finish(name: string): Uint8Array {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(GRAPH.node, node);
    graph.text(GRAPH.name, name);
    for (const initializer of this.#initializers) graph.message(GRAPH.initializer, initializer);
    for (const input of this.#inputs) graph.message(GRAPH.input, input);
    for (const output of this.#outputs) graph.message(GRAPH.output, output);
    const model = new ProtobufWriter().integer(MODEL.irVersion, IR_VERSION).text(MODEL.producer, 'tore-desktop');
    for (const [domain, version] of [
      ['', OPERATOR_SET],
      [MICROSOFT_DOMAIN, MICROSOFT_OPERATOR_SET],
    ] as const) {
      const set = new ProtobufWriter().text(OPERATOR_SET_ID.domain, domain).integer(OPERATOR_SET_ID.version, version);
      model.message(MODEL.operatorSet, set);
    }
    return model.message(MODEL.graph, graph).finish();
  }
}

type Attributes = Readonly<Record<string, OnnxAttribute>>;

function attribute(name: string, value: OnnxAttribute): ProtobufWriter {
  const writer = new ProtobufWriter().text(ATTRIBUTE.name, name);
  if (typeof value === 'number') {
    return writer.integer(ATTRIBUTE.integer, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPES.integer);
  }
  if ('float' in value) {
    return writer.float(ATTRIBUTE.float, value.float).integer(ATTRIBUTE.type, ATTRIBUTE_TYPES.float);
  }
  for (const entry of value) writer.integer(ATTRIBUTE.integers, entry);
  return writer.integer(ATTRIBUTE.type, ATTRIBUTE_TYPES.integers);
}

function tensorHeader(name: string, type: OnnxType, dimensions: readonly number[]): ProtobufWriter {
  const tensor = new ProtobufWriter();
  for (const size of dimensions) tensor.integer(TENSOR.dimensions, size);
  return tensor.integer(TENSOR.type, ONNX_TYPES[type]).text(TENSOR.name, name);
}

function valueInfo(name: string, type: OnnxType, dimensions: readonly OnnxDimension[]): ProtobufWriter {
  const shape = new ProtobufWriter();
  for (const size of dimensions) {
    const dimension = new ProtobufWriter();
    if (typeof size === 'number') dimension.integer(DIMENSION.value, size);
    else dimension.text(DIMENSION.parameter, size);
    shape.message(SHAPE_DIMENSION, dimension);
  }
  const tensor = new ProtobufWriter().integer(TENSOR_TYPE.element, ONNX_TYPES[type]).message(TENSOR_TYPE.shape, shape);
  return new ProtobufWriter()
    .text(VALUE_INFO.name, name)
    .message(VALUE_INFO.type, new ProtobufWriter().message(TYPE_TENSOR, tensor));
}
