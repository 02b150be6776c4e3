#!/usr/bin/env node
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import systeminformation from 'systeminformation';
import { version } from '../../package.json';
import {
  ApiKeys,
  ContributorNode,
  describeState,
  fileSecretStore,
  forkEngine,
  HEADLESS_HELP,
  keepLogTail,
  LocalApi,
  readHeadlessOptions,
  startRemoteHost,
  type HeadlessCommand,
  type NodeLogger,
} from '../node';

/** Stopping waits for the coordinator and the engine; a second signal or this time ends it anyway. */
const STOP_TIMEOUT_MS = 10_000;

function createLogger(): NodeLogger {
  const lines = pino(
    { name: 'tore-node', level: process.env['TORE_LOG_LEVEL'] ?? 'info', base: null },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields) => lines.debug(fields ?? {}, message),
    info: (message, fields) => lines.info(fields ?? {}, message),
    warn: (message, fields) => lines.warn(fields ?? {}, message),
    error: (message, fields) => lines.error(fields ?? {}, message),
  };
}

/** Writes one line per change of state: a sentence, or the state as JSON with what identifies the node. */
function printStates(node: ContributorNode, json: boolean): void {
  let last = '';
  node.onSnapshot(({ state, nodeId, publicKey, shard }) => {
    const sentence = describeState(state);
    if (sentence === last) return;
    last = sentence;
    const line = json ? JSON.stringify({ time: new Date().toISOString(), state, nodeId, publicKey, shard }) : sentence;
    process.stdout.write(`${line}\n`);
  });
}

/** File with the hashes of the local endpoint's keys. */
const apiKeysPath = (dataFolder: string): string => join(dataFolder, 'api-keys.json');

function complain({ message, suggestion }: { readonly message: string; readonly suggestion?: string }): void {
  process.stderr.write(`${[message, suggestion].filter((part) => part !== undefined).join(' ')}\n`);
}

async function makeApiKey({ dataFolder, name }: Extract<HeadlessCommand, { kind: 'new-api-key' }>): Promise<void> {
  const keys = await ApiKeys.open(apiKeysPath(dataFolder));
  const made = keys.ok ? await keys.value.create(name, Date.now()) : keys;
  if (made.ok) process.stdout.write(`${made.value.key}\n`);
  else {
    complain(made.error);
    process.exitCode = 1;
  }
}

/** Opens the local endpoint; without it the node goes on, since its work does not depend on it. */
async function offerApi(
  node: ContributorNode,
  dataFolder: string,
  port: number,
  logger: NodeLogger,
): Promise<LocalApi | null> {
  const keys = await ApiKeys.open(apiKeysPath(dataFolder));
  if (!keys.ok) {
    complain(keys.error);
    return null;
  }
  const api = new LocalApi(
    {
      generate: (request, options) => node.generate(request, options),
      fetchJson: (path) => node.fetchJson(path),
      acceptsKey: (key) => keys.value.accepts(key),
      nowMs: () => Date.now(),
    },
    logger,
  );
  const opened = await api.open(port);
  if (!opened.ok) {
    complain(opened.error);
    return null;
  }
  logger.info('The local endpoint listens', { baseUrl: opened.value.baseUrl });
  if (keys.value.list().length === 0) {
    complain({
      message: 'The local endpoint has no key yet.',
      suggestion: 'Make one with --new-api-key NAME, then start again.',
    });
  }
  return api;
}

async function run(command: Extract<HeadlessCommand, { kind: 'run' }>): Promise<void> {
  const { dataFolder, preferences, json, apiPort, remote } = command;
  const { logger, tail } = keepLogTail(createLogger());
  const secretStore = fileSecretStore(join(dataFolder, 'node.key'));
  const node = new ContributorNode({
    dataFolder,
    appVersion: version,
    secretStore,
    startEngine: forkEngine(fileURLToPath(new URL('engine-process.js', import.meta.url)), fork),
    hardwareReader: systeminformation,
    preferences,
    // Starting this program is consent; --help says to what.
    readings: { consent: true },
    logger,
  });
  printStates(node, json);
  const api = apiPort === null ? null : offerApi(node, dataFolder, apiPort, logger);
  // Its lines go where people look; a program that reads standard output expects states there.
  const onText = (text: string): void => void process.stderr.write(`${text}\n`);
  const remoteHost =
    remote === null
      ? null
      : await startRemoteHost(remote, { node, appVersion: version, dataFolder, secretStore, tail, onText, logger });
  if (remoteHost?.ok === false) {
    complain(remoteHost.error);
    process.exitCode = 2;
    await (await api)?.close();
    return;
  }
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('Stopping', { signal });
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    await (await api)?.close();
    await remoteHost?.value.close();
    await node.stop();
    process.stdout.write(json ? `${JSON.stringify({ state: { kind: 'off' } })}\n` : 'Stopped.\n', () =>
      process.exit(0),
    );
  };
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGTERM', (signal) => void stop(signal));
  node.start();
}

const command = readHeadlessOptions(process.argv.slice(2), process.env);
if (!command.ok) {
  complain(command.error);
  process.exitCode = 2;
} else if (command.value.kind === 'help') {
  process.stdout.write(`${HEADLESS_HELP}\n`);
} else if (command.value.kind === 'version') {
  process.stdout.write(`${version}\n`);
} else if (command.value.kind === 'new-api-key') {
  await makeApiKey(command.value);
} else {
  await run(command.value);
}
