import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { LongCallOptions } from '../long-call';
import type { Engine } from './engine';
import { callCheck, callIdOf, cancelCheck, METHOD_INPUTS, type EngineMethod } from './messages';
import type { Port } from './port';

type Answer = Result<unknown, EngineErrorCode>;
type Handler = (input: unknown, options: LongCallOptions) => Promise<Answer>;

/**
 * Serves an engine over a port: checks every message, answers every call once, passes progress and cancels on.
 *
 * @param onClosed - called after the engine was closed on the client's wish or because the client is gone
 */
export function serveEngine(port: Port, engine: Engine, onClosed: () => void = () => undefined): void {
  const handlers = createHandlers(engine);
  const running = new Map<number, AbortController>();

  const handle = async (id: number, method: string, input: unknown): Promise<Answer> => {
    const handler = handlers.get(method);
    if (handler === undefined) return engineFailure('message-invalid', `There is no method ${method.slice(0, 50)}.`);
    const controller = new AbortController();
    running.set(id, controller);
    try {
      return await handler(input, {
        signal: controller.signal,
        onProgress: (fraction, label) => port.post({ type: 'progress', id, fraction, label }),
      });
    } catch (thrown) {
      // A bug, but one request must not take down the others' caches.
      return engineFailure('engine-internal', `The engine failed unexpectedly: ${reasonOf(thrown)}`);
    } finally {
      running.delete(id);
    }
  };

  const receive = async (message: unknown): Promise<void> => {
    if (cancelCheck.Check(message)) {
      running.get(message.id)?.abort();
      return;
    }
    const id = callIdOf(message);
    if (id === undefined) return;
    if (!callCheck.Check(message)) {
      port.post({ type: 'result', id, result: engineFailure('message-invalid', 'This is not a call of the engine.') });
      return;
    }
    const result = await handle(id, message.method, message.input);
    port.post({ type: 'result', id, result });
    if (message.method === 'close') onClosed();
  };

  port.onMessage((message) => void receive(message));
  port.onClose(() => void engine.close().then(onClosed));
}

function createHandlers(engine: Engine): ReadonlyMap<string, Handler> {
  const inputs = METHOD_INPUTS;
  const handlers: Record<EngineMethod, Handler> = {
    listProviders: checked('listProviders', inputs.listProviders, () => engine.listProviders()),
    benchmark: checked('benchmark', inputs.benchmark, (_, options) => engine.benchmark(options)),
    readModel: checked('readModel', inputs.readModel, ({ folder, cacheFolder }, options) =>
      engine.readModel(folder, { ...options, cacheFolder }),
    ),
    fetchLayers: checked('fetchLayers', inputs.fetchLayers, (request, options) => engine.fetchLayers(request, options)),
    importHubModel: checked('importHubModel', inputs.importHubModel, (request, options) =>
      engine.importHubModel(request, options),
    ),
    loadShard: checked('loadShard', inputs.loadShard, (request, options) => engine.loadShard(request, options)),
    unloadShard: checked('unloadShard', inputs.unloadShard, ({ shardKey }) => engine.unloadShard(shardKey)),
    tokenize: checked('tokenize', inputs.tokenize, ({ shardKey, input }) => engine.tokenize(shardKey, input)),
    openSequence: checked('openSequence', inputs.openSequence, (request) => engine.openSequence(request)),
    forward: checked('forward', inputs.forward, (request) => engine.forward(request)),
    closeSequence: checked('closeSequence', inputs.closeSequence, ({ shardKey, sequenceId }) =>
      engine.closeSequence(shardKey, sequenceId),
    ),
    metrics: checked('metrics', inputs.metrics, () => engine.metrics()),
    close: checked('close', inputs.close, async () => success(await engine.close())),
  };
  return new Map(Object.entries(handlers));
}

/** Lets a method run only on input of its schema. */
function checked<Schema extends TSchema>(
  method: EngineMethod,
  schema: Schema,
  run: (input: Static<Schema>, options: LongCallOptions) => Promise<Answer>,
): Handler {
  const check = Compile(schema);
  return async (input, options) => {
    if (check.Check(input)) return run(input as Static<Schema>, options);
    const [first] = check.Errors(input);
    const where = `${method}${first?.instancePath ?? ''}`;
    return engineFailure('message-invalid', `${where}: ${first?.message ?? 'wrong input'}.`);
  };
}
