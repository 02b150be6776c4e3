#!/usr/bin/env node
import { version } from '../../package.json';
import { runToreSession } from './session/program';
import { processTerminal } from './tore/terminal';

process.exitCode = await runToreSession(process.argv.slice(2), process.env, version, processTerminal);
