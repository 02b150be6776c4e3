import { Value } from 'typebox/value';
import { createCoordinator, type Coordinator, type Logger } from '../../coordinator';
import { reasonOf } from '../errors';
import {
  CoordinatorCommand,
  type CoordinatorLogLevel,
  type CoordinatorReport,
  type CoordinatorStart,
} from './coordinator-messages';

/*
 * Entry of the process that runs the embedded coordinator. Main starts it, sends its configuration as the first message
 * and ends it by asking. It listens on loopback only.
 */

/** Electron's `process.parentPort` inside a utility process. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
}

const { parentPort } = process as typeof process & { readonly parentPort?: ParentPort };
if (parentPort === undefined) throw new Error('This process is started by the app, not by hand.');

const report = (message: CoordinatorReport): void => parentPort.postMessage(message);
const write =
  (level: CoordinatorLogLevel) =>
  (facts: object, message: string): void =>
    report({ type: 'log', level, facts: { ...facts }, message });
const logger: Logger = {
  // Every request would make a line, and a line a message between the processes.
  debug: () => undefined,
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
};

let coordinator: Coordinator | null = null;

async function start(command: CoordinatorStart): Promise<void> {
  const create = (port: number): Coordinator =>
    createCoordinator(
      {
        name: command.name,
        host: '127.0.0.1',
        port,
        databaseFile: command.databaseFile,
        accessToken: command.accessToken,
        administratorToken: command.administratorToken,
        tokenEconomy: command.tokenEconomy,
        openingGrantMicroGft: command.openingGrantMicroGft,
        acceptedModels: 'any',
        modelFolders: [...command.modelFolders],
      },
      { logger },
    );
  coordinator = create(command.preferredPort ?? 0);
  let started = await coordinator.start();
  if (!started.ok && started.error.code === 'port-in-use' && command.preferredPort !== null) {
    logger.warn({ port: command.preferredPort }, 'the port of the last start is taken; another one is used');
    coordinator = create(0);
    started = await coordinator.start();
  }
  if (started.ok) {
    report({ type: 'running', url: started.value.url, port: started.value.port });
    return;
  }
  const { code, message, retryable, suggestion } = started.error;
  report({ type: 'refused', code, message, retryable, ...(suggestion === undefined ? {} : { suggestion }) });
}

async function stop(): Promise<void> {
  await coordinator?.stop();
  process.exit(0);
}

/** A fault here is a bug: main is told why, ends this process and starts another. */
function fail(thrown: unknown): void {
  logger.error({ stack: thrown instanceof Error ? thrown.stack : undefined }, reasonOf(thrown));
  report({ type: 'refused', code: 'internal', message: reasonOf(thrown), retryable: true });
}

parentPort.on('message', ({ data }) => {
  if (!Value.Check(CoordinatorCommand, data)) return;
  (data.type === 'start' ? start(data) : stop()).catch(fail);
});
