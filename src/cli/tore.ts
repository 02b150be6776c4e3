#!/usr/bin/env node
import { version } from '../../package.json';
import { runTore } from './tore/program';
import { processTerminal } from './tore/terminal';

// A reader that has seen enough (`tore split x | head`) closes the pipe; that is not a fault of this program.
process.stdout.on('error', (problem: NodeJS.ErrnoException) => {
  if (problem.code !== 'EPIPE') throw problem;
});

process.exitCode = await runTore(process.argv.slice(2), version, processTerminal);
