// `node with-patience.mjs SECONDS COMMAND [ARGUMENTS]`: runs a command, and ends it with everything it started when it takes
// longer. Not every system has a `timeout` of its own.
import { spawn } from 'node:child_process';
import { say } from './report.mjs';

const [seconds, command, ...args] = process.argv.slice(2);
// A process group of its own, which can be ended as one.
const child = spawn(command, args, { stdio: 'inherit', detached: true });
const end = () => process.kill(-child.pid, 'SIGTERM');
const timer = setTimeout(
  () => {
    say('patience', `${command} took longer than ${seconds} seconds and is ended`);
    end();
  },
  Number(seconds) * 1_000,
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, end);
}
child.once('error', (error) => {
  clearTimeout(timer);
  console.error(error.message);
  process.exit(1);
});
child.once('close', (code) => {
  clearTimeout(timer);
  process.exit(code ?? 1);
});
