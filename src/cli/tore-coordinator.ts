#!/usr/bin/env node
import { writeFile } from 'node:fs/promises';
import { pino } from 'pino';
import { backUp, restore } from '../coordinator/service/backup';
import { examine } from '../coordinator/service/doctor';
import { runFederationCommand } from '../coordinator/service/federation-commands';
import { initialize } from '../coordinator/service/initialize';
import {
  auditLedger,
  exportLedger,
  makeCheckpoint,
  rotateKey,
  verifyLedger,
} from '../coordinator/service/ledger-commands';
import { listNodes, postNotice } from '../coordinator/service/operator-commands';
import { explainPolicy, readPolicy } from '../coordinator/service/institution-policy';
import { policyWarnings, shownSettings } from '../coordinator/service/policy';
import { createServiceLogger } from '../coordinator/service/service-logger';
import {
  COORDINATOR_VERSION,
  createCoordinator,
  HEADLESS_HELP,
  placesOf,
  readConfig,
  readHeadlessOptions,
  releaseHeldNode,
  type CoordinatorFailure,
  type CoordinatorResult,
  type HeadlessCommand,
} from '../coordinator';

/** Beyond the time running requests get, closing everything takes no longer than this. */
const STOP_TIMEOUT_MS = 10_000;

type CommandOf<Kind extends HeadlessCommand['kind']> = Extract<HeadlessCommand, { kind: Kind }>;

function complain(error: CoordinatorFailure, exitCode: number): void {
  process.stderr.write(`${error.message}${error.suggestion === undefined ? '' : ` ${error.suggestion}`}\n`);
  process.exitCode = exitCode;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Ends with 1 and a sentence when a command failed. */
function expectValue<Value>(result: CoordinatorResult<Value>): Value | null {
  if (result.ok) return result.value;
  complain(result.error, 1);
  return null;
}

async function serve(command: CommandOf<'serve'>): Promise<void> {
  const config = readConfig(command.options);
  if (!config.ok) {
    complain(config.error, 2);
    return;
  }
  const logger = createServiceLogger(config.value, pino.destination({ dest: 2, sync: true }));
  for (const warning of command.warnings) logger.warn({}, warning);
  const coordinator = createCoordinator(command.options, { logger });
  const started = await coordinator.start();
  if (!started.ok) {
    complain(started.error, 1);
    return;
  }
  say(`Coordinator ready at ${started.value.url}`);
  let isStopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info({ signal }, 'stopping; running requests may finish, a second signal ends them');
    setTimeout(() => process.exit(1), config.value.drainSeconds * 1_000 + STOP_TIMEOUT_MS).unref();
    await coordinator.stop();
    process.exit(0);
  };
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGHUP', () => {
    const renewed = coordinator.renewCertificate();
    if (renewed.ok) logger.info({}, 'the certificate was read again');
    else logger.error({ code: renewed.error.code }, renewed.error.message);
  });
}

async function diagnose(command: CommandOf<'doctor'>): Promise<void> {
  const findings = await examine(command.options, command.configFile);
  const marks = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' };
  for (const finding of findings) say(`${marks[finding.state]}  ${finding.text}`);
  if (findings.some((finding) => finding.state === 'problem')) process.exitCode = 1;
}

function checkPolicy(command: CommandOf<'policy-check'>): void {
  const config = expectValue(readConfig(command.options));
  if (config === null) return;
  for (const [name, value] of Object.entries(shownSettings(config))) say(`${name}: ${JSON.stringify(value)}`);
  const policy = config.policy === null ? null : expectValue(readPolicy(config.policy));
  if (policy !== null) for (const line of explainPolicy(policy)) say(line);
  for (const warning of policyWarnings(config)) say(`warning: ${warning}`);
}

/** To a file, or to the standard output. */
async function write(text: string, file: string | null): Promise<void> {
  if (file === null) {
    process.stdout.write(text);
    return;
  }
  try {
    await writeFile(file, text);
  } catch (thrown) {
    process.stderr.write(`${file} cannot be written: ${thrown instanceof Error ? thrown.message : ''}\n`);
    process.exitCode = 1;
  }
}

/** Commands that open the database and end. */
async function runAt(command: Exclude<HeadlessCommand, CommandOf<'help' | 'version' | 'init'>>): Promise<void> {
  const places = expectValue(placesOf(command.options));
  if (places === null) return;
  const { location, signingKey } = places;
  switch (command.kind) {
    case 'serve':
      return serve(command);
    case 'doctor':
      return diagnose(command);
    case 'policy-check':
      return checkPolicy(command);
    case 'backup': {
      const made = expectValue(await backUp(location, command.file, signingKey));
      if (made === null) return;
      const key = made.hasSigningKey ? ', and the key that signs the ledger: keep it safe' : '';
      say(`${command.file}: ${made.rows} rows of ${made.tables} tables${key}.`);
      if (made.keyFailure !== undefined) complain(made.keyFailure, 1);
      return;
    }
    case 'restore': {
      const filled = expectValue(await restore(location, command.file, signingKey));
      if (filled === null) return;
      say(`${filled.rows} rows of ${filled.tables} tables restored. Check them with tore-coordinator ledger verify.`);
      return;
    }
    case 'ledger-verify': {
      const verified = expectValue(await verifyLedger(location));
      if (verified === null) return;
      say(JSON.stringify(verified));
      if (!verified.chain_valid) process.exitCode = 1;
      return;
    }
    case 'ledger-audit':
      expectValue(await auditLedger(location, command.limit, say));
      return;
    case 'ledger-checkpoint': {
      const made = expectValue(await makeCheckpoint(location, signingKey, command.all));
      if (made !== null) await write(`${JSON.stringify(made, null, 2)}\n`, command.out);
      return;
    }
    case 'ledger-export': {
      const lines = expectValue(await exportLedger(location, command, command.out ?? process.stdout));
      if (lines !== null && command.out !== null) say(`${command.out}: ${lines} lines.`);
      return;
    }
    case 'ledger-rotate-key': {
      const old = expectValue(await rotateKey(location, signingKey));
      if (old !== null) say(`A new key signs from now on. The old one is kept as ${old}; back up the new one.`);
      return;
    }
    case 'federation': {
      const agrees = expectValue(await runFederationCommand(command.options, command.request, say));
      if (agrees === false) process.exitCode = 1;
      return;
    }
    case 'notice': {
      const posted = expectValue(await postNotice(location, command.text, command.days));
      if (posted !== null) say(`The notice is up until ${posted.expires_at}.`);
      return;
    }
    case 'nodes':
      expectValue(await listNodes(location, say));
      return;
    case 'release-node': {
      const released = await releaseHeldNode(location, command.nodeId);
      if (released.ok) say(`Node ${command.nodeId} is active again.`);
      else complain(released.error, 1);
    }
  }
}

async function run(command: HeadlessCommand): Promise<void> {
  if (command.kind === 'help') process.stdout.write(HEADLESS_HELP);
  else if (command.kind === 'version') say(COORDINATOR_VERSION);
  else if (command.kind === 'init') {
    const written = await initialize(command.configFile, command.template, command.options);
    if (!written.ok) complain(written.error, 1);
    else
      say(`${command.configFile} is written; it holds secrets, so only you can read it. Next: tore-coordinator doctor`);
  } else await runAt(command);
}

const command = readHeadlessOptions(process.argv.slice(2), process.env);
if (command.ok) await run(command.value);
else complain(command.error, 2);
