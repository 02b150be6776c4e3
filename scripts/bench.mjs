// `node scripts/bench.mjs <name> [arguments]`: bundles bench/<name>.ts for Node and runs it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { runScript, ScriptError } from './report.mjs';
import { projectDirectory, runProcess } from './run-process.mjs';

const benchDirectory = join(projectDirectory, 'bench');
const outputDirectory = join(projectDirectory, 'node_modules', '.cache', 'bench');

function availableBenchmarks() {
  const files = existsSync(benchDirectory) ? readdirSync(benchDirectory) : [];
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -'.ts'.length));
}

await runScript('bench', async () => {
  const [name, ...args] = process.argv.slice(2);
  const available = availableBenchmarks();
  if (name === undefined || !available.includes(name)) {
    throw new ScriptError(`name a benchmark: ${available.join(', ') || 'there is none in bench/'}`);
  }
  await build({
    root: projectDirectory,
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: join(benchDirectory, `${name}.ts`),
      target: 'node20.18',
      outDir: outputDirectory,
      emptyOutDir: false,
      sourcemap: 'inline',
      rolldownOptions: { output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' } },
    },
  });
  return runProcess([process.execPath, ['--enable-source-maps', join(outputDirectory, `${name}.mjs`), ...args]]);
});
