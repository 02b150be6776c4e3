#!/usr/bin/env node
import { pino } from 'pino';
import {
  COORDINATOR_VERSION,
  createCoordinator,
  HEADLESS_HELP,
  readHeadlessOptions,
  releaseHeldNode,
  type CoordinatorFailure,
  type HeadlessCommand,
} from '../coordinator';

/** Stopping lets running requests settle; a second signal or this time ends it anyway. */
const STOP_TIMEOUT_MS = 10_000;

function complain(error: CoordinatorFailure, exitCode: number): void {
  process.stderr.write(`${error.message}${error.suggestion === undefined ? '' : ` ${error.suggestion}`}\n`);
  process.exitCode = exitCode;
}

async function run(command: Extract<HeadlessCommand, { kind: 'run' }>): Promise<void> {
  const logger = pino(
    { name: 'tore-coordinator', level: process.env['TORE_LOG_LEVEL'] ?? 'info', base: null },
    pino.destination({ dest: 2, sync: true }),
  );
  for (const warning of command.warnings) logger.warn({}, warning);
  const coordinator = createCoordinator(command.options, { logger });
  const started = await coordinator.start();
  if (!started.ok) {
    complain(started.error, 1);
    return;
  }
  process.stdout.write(`Coordinator ready at ${started.value.url}\n`);
  let isStopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    await coordinator.stop();
    process.exit(0);
  };
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGTERM', (signal) => void stop(signal));
}

const command = readHeadlessOptions(process.argv.slice(2), process.env);
if (!command.ok) {
  complain(command.error, 2);
} else if (command.value.kind === 'help') {
  process.stdout.write(HEADLESS_HELP);
} else if (command.value.kind === 'version') {
  process.stdout.write(`${COORDINATOR_VERSION}\n`);
} else if (command.value.kind === 'release-node') {
  const released = await releaseHeldNode(command.value.databaseFile, command.value.nodeId);
  if (released.ok) process.stdout.write(`Node ${command.value.nodeId} is active again.\n`);
  else complain(released.error, 1);
} else {
  await run(command.value);
}
