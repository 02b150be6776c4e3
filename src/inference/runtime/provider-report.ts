import type { ProviderReport } from '../engine/engine';
import { OnnxGraph } from '../shards/onnx-graph';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession } from './onnx-runtime';
import { explainAbsence, KNOWN_PROVIDERS, tryProvider } from './provider-selection';

/** A graph so small that every provider runs it: doubles a list of numbers. */
function buildProbe(): Uint8Array {
  const graph = new OnnxGraph();
  graph.input('numbers', 'float32', ['count']);
  graph.nodeWithOutputs('Add', ['numbers', 'numbers'], ['doubled']);
  graph.output('doubled', 'float32', ['count']);
  return graph.finish('probe');
}

/** Says of each known execution provider whether it runs a graph on this machine, and if not, why. */
export async function reportProviders(runtime: OnnxRuntime): Promise<ProviderReport[]> {
  const supported = runtime.listSupportedBackends();
  const probe = buildProbe();
  const reports: ProviderReport[] = [];
  for (const name of KNOWN_PROVIDERS) {
    const absent = explainAbsence(name, supported);
    if (absent !== undefined) {
      reports.push({ name, available: false, reason: absent });
      continue;
    }
    const tried = await tryProvider<OnnxSession>(name, {
      create: (provider) => runtime.createSession(probe, sessionOptions({ provider }, 1)),
      verify: async (session) => {
        const numbers = runtime.createTensor('float32', Float32Array.of(1, 2), [2]);
        const doubled = floatsOf(await session.run({ numbers }), 'doubled');
        if (doubled[0] !== 2 || doubled[1] !== 4) throw new Error('its result is wrong');
      },
      release: (session) => session.release(),
    });
    if (tried.ok) await tried.value.release();
    reports.push(tried.ok ? { name, available: true } : { name, available: false, reason: tried.error.message });
  }
  return reports;
}
