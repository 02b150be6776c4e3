// `node scripts/make-schemas.mjs`: writes the JSON Schemas under schemas/ from the TypeBox source.
// With `--check` it writes nothing and fails when a file is not current.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { build } from 'vite';
import { runScript, say, ScriptError } from './report.mjs';
import { projectDirectory } from './run-process.mjs';

const schemasDirectory = join(projectDirectory, 'schemas');
const outputDirectory = join(projectDirectory, 'node_modules', '.cache', 'schemas');

/** Bundles the TypeBox source for Node and loads it. */
async function loadPublishedSchemas() {
  await build({
    root: projectDirectory,
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: join(projectDirectory, 'src', 'protocol', 'documents', 'published-schemas.ts'),
      target: 'node20.18',
      outDir: outputDirectory,
      emptyOutDir: true,
      rolldownOptions: { output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' } },
    },
  });
  return import(pathToFileURL(join(outputDirectory, 'published-schemas.mjs')).href);
}

async function makeFiles() {
  const { PUBLISHED_SCHEMAS, schemaDocument } = await loadPublishedSchemas();
  const files = new Map();
  for (const published of PUBLISHED_SCHEMAS) {
    const path = join(schemasDirectory, published.fileName);
    const options = { ...(await resolveConfig(path)), parser: 'json' };
    files.set(published.fileName, await format(JSON.stringify(schemaDocument(published)), options));
  }
  return files;
}

function currentText(fileName) {
  const path = join(schemasDirectory, fileName);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

await runScript('schemas', async () => {
  const check = process.argv.includes('--check');
  const files = await makeFiles();
  const stale = [...files].filter(([fileName, text]) => currentText(fileName) !== text).map(([fileName]) => fileName);
  const foreign = existsSync(schemasDirectory)
    ? readdirSync(schemasDirectory).filter((name) => name.endsWith('.schema.json') && !files.has(name))
    : [];
  if (check) {
    const wrong = [...stale, ...foreign];
    if (wrong.length > 0) throw new ScriptError(`not current: ${wrong.join(', ')}; run npm run schemas`);
    say('schemas', `${files.size} files are current`);
    return;
  }
  if (foreign.length > 0) throw new ScriptError(`made from nothing, remove them: ${foreign.join(', ')}`);
  mkdirSync(schemasDirectory, { recursive: true });
  for (const fileName of stale) writeFileSync(join(schemasDirectory, fileName), files.get(fileName));
  say('schemas', stale.length === 0 ? 'all current' : `wrote ${stale.join(', ')}`);
});
