#!/usr/bin/env node
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import systeminformation from 'systeminformation';
import { version } from '../../package.json';
import {
  ContributorNode,
  describeState,
  fileSecretStore,
  forkEngine,
  HEADLESS_HELP,
  readHeadlessOptions,
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

function run(command: Extract<HeadlessCommand, { kind: 'run' }>): void {
  const { dataFolder, preferences, json } = command;
  const logger = createLogger();
  const node = new ContributorNode({
    dataFolder,
    appVersion: version,
    secretStore: fileSecretStore(join(dataFolder, 'node.key')),
    startEngine: forkEngine(fileURLToPath(new URL('engine-process.js', import.meta.url)), fork),
    hardwareReader: systeminformation,
    preferences,
    // Starting this program is consent; --help says to what.
    readings: { consent: true },
    logger,
  });
  printStates(node, json);
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('Stopping', { signal });
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
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
  process.stderr.write(`${command.error.message} ${command.error.suggestion ?? ''}\n`);
  process.exitCode = 2;
} else if (command.value.kind === 'help') {
  process.stdout.write(`${HEADLESS_HELP}\n`);
} else if (command.value.kind === 'version') {
  process.stdout.write(`${version}\n`);
} else {
  run(command.value);
}
