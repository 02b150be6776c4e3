import type { Device } from '../device';
import { ONNX_TYPES, OnnxGraph } from '../shards/onnx-graph';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession } from './onnx-runtime';
import { tryProvider } from './provider-selection';

/** Exactly 1, 2 and 4 as half floats. */
const HALVES = Uint16Array.of(0x3c_00, 0x40_00, 0x44_00);

/** Whether a device turns half floats into floats, as a shard asks that keeps keys and values in them. Older cards do not. */
export async function hasHalfFloats(runtime: OnnxRuntime, device: Device): Promise<boolean> {
  const tried = await tryProvider<OnnxSession>(device.provider, {
    create: () => runtime.createSession(buildProbe(), sessionOptions(device, 1)),
    verify: async (session) => {
      const halves = runtime.createTensor('float16', HALVES, [HALVES.length]);
      const doubled = floatsOf(await session.run({ halves }), 'doubled');
      if (doubled.join() !== '2,4,8') throw new Error('its result is wrong');
    },
    release: (session) => session.release(),
  });
  if (tried.ok) await tried.value.release();
  return tried.ok;
}

function buildProbe(): Uint8Array {
  const graph = new OnnxGraph();
  graph.input('halves', 'float16', ['count']);
  const floats = graph.node('Cast', ['halves'], { to: ONNX_TYPES.float32 });
  graph.nodeWithOutputs('Add', [floats, floats], ['doubled']);
  graph.output('doubled', 'float32', ['count']);
  return graph.finish('half_floats');
}
