import type { Device } from '../device';

/** Element types the engine exchanges with onnxruntime and the arrays that hold them. */
export interface TensorArrays {
  readonly float32: Float32Array;
  /** Half floats by their bits. */
  readonly float16: Uint16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly bool: Uint8Array;
}
export type TensorType = keyof TensorArrays;

/** A tensor as far as the engine looks into it. */
export interface OnnxTensor {
  /** In main memory alone: looking at that of a tensor on a card ends the process. */
  readonly data: unknown;
  /** Gives the memory of a tensor on a card back. */
  dispose?(): void;
}

export type TensorMap = Readonly<Record<string, OnnxTensor>>;

/** An opened graph. */
export interface OnnxSession {
  /** @param results - tensors on a card that some of the outputs are written to */
  run(inputs: TensorMap, results?: TensorMap): Promise<TensorMap>;
  release(): Promise<void>;
}

export interface SessionOptions {
  readonly executionProviders: readonly (string | { readonly name: string; readonly deviceId: number })[];
  readonly intraOpNumThreads?: number;
  readonly interOpNumThreads: number;
  readonly graphOptimizationLevel: 'all';
  readonly logSeverityLevel: 4;
  /** Of an output that stays on the card; all others come to main memory. */
  readonly preferredOutputLocation?: Readonly<Record<string, 'gpu-buffer'>>;
  readonly extra: { readonly session: Readonly<Record<string, string>> };
}

/** The part of onnxruntime the engine uses, so that a stand-in for tests is small. */
export interface OnnxRuntime {
  /** Execution providers this build of onnxruntime was made with. */
  listSupportedBackends(): readonly { readonly name: string; readonly bundled: boolean }[];
  /** @param graph - path of an `.onnx` file, or its bytes. @throws when the graph or the provider cannot be used. */
  createSession(graph: string | Uint8Array, options: SessionOptions): Promise<OnnxSession>;
  createTensor<Type extends TensorType>(
    type: Type,
    data: TensorArrays[Type],
    dimensions: readonly number[],
  ): OnnxTensor;
}

/** Loads the native library; nothing of it is loaded before, so importing this room stays cheap. */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  // From 1.29 on its official builds for Linux and macOS report what they run to their maker unless this is set before
  // they are loaded. On Windows they write to the system's own tracing, which no variable switches off.
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  // Cards are then counted as the system counts them, so that the memory read of one is the memory of that one.
  process.env['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID';
  const { env, InferenceSession, Tensor, listSupportedBackends } = await import('onnxruntime-node');
  // What goes wrong is thrown and reported with its reason; onnxruntime's own lines would only repeat it on the console.
  env.logLevel = 'fatal';
  return {
    listSupportedBackends,
    async createSession(graph, options) {
      const session = await (typeof graph === 'string'
        ? InferenceSession.create(graph, options)
        : InferenceSession.create(graph, options));
      return {
        run: (inputs, results) => {
          const feeds = inputs as Parameters<typeof session.run>[0];
          if (results === undefined) return session.run(feeds);
          const fetches = Object.fromEntries(session.outputNames.map((name) => [name, results[name] ?? null]));
          return session.run(feeds, fetches as Parameters<typeof session.run>[1]);
        },
        release: () => session.release(),
      };
    },
    createTensor: (type, data, dimensions) => new Tensor(type, data as Float32Array, dimensions),
  };
}

/**
 * Session options of a shard.
 *
 * @param threads - threads of one pass; onnxruntime decides where it is left out
 */
export function sessionOptions({ provider, deviceId }: Device, threads: number | undefined): SessionOptions {
  return {
    executionProviders: [deviceId === undefined ? provider : { name: provider, deviceId }],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // Fatal alone, as for the whole library.
    logSeverityLevel: 4,
    // Idle threads of one session would otherwise spin on the cores another session or process needs.
    extra: { session: { force_spinning_stop: '1' } },
  };
}

/** The bits of a float16 output, whichever array this version of JavaScript has for them. @throws as `floatsOf`. */
export function halvesOf(outputs: TensorMap, name: string): Uint16Array {
  const data = outputs[name]?.data;
  if (!ArrayBuffer.isView(data) || !('length' in data) || data.byteLength !== 2 * Number(data.length)) {
    throw new Error(`the graph gave no half floats called ${name}`);
  }
  return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
}

/** The values of a float32 output. @throws when the graph has no such output, which is a bug of the graph. */
export function floatsOf(outputs: TensorMap, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`the graph gave no floats called ${name}`);
  return data;
}
