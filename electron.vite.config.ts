import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';
import { fileURLToPath } from 'node:url';
import mantinePreset from 'postcss-preset-mantine';
import simpleVariables from 'postcss-simple-vars';
import { LICENCE_LIST, licencePlugin } from './scripts/licence-texts.mjs';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** The oldest runtime the app runs on: Electron 33 (Chromium 130, Node.js 20.18). */
const nodeTarget = 'node20.18';
const browserTarget = 'chrome130';

/** Mantine's breakpoints, for media queries in CSS modules. */
const breakpoints = {
  'mantine-breakpoint-xs': '36em',
  'mantine-breakpoint-sm': '48em',
  'mantine-breakpoint-md': '62em',
  'mantine-breakpoint-lg': '75em',
  'mantine-breakpoint-xl': '88em',
};

export default defineConfig({
  main: {
    build: {
      target: nodeTarget,
      sourcemap: true,
      license: { fileName: LICENCE_LIST },
      rolldownOptions: {
        input: {
          index: source('main/index.ts'),
          'engine-process': source('inference/engine/engine-process.ts'),
          'coordinator-process': source('main/processes/coordinator-process.ts'),
          'library-process': source('library/service/library-process.ts'),
          tore: source('cli/tore.ts'),
          'tore-node': source('cli/tore-node.ts'),
          'tore-session': source('cli/tore-session.ts'),
          'tore-coordinator': source('cli/tore-coordinator.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      target: nodeTarget,
      // A sandboxed preload script is one CommonJS file that can require nothing but electron.
      externalizeDeps: false,
      rolldownOptions: {
        input: { index: source('preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: source('renderer'),
    // The pages of help are read from resources.
    server: { fs: { allow: [source('..')] } },
    plugins: [react(), licencePlugin()],
    css: { postcss: { plugins: [mantinePreset(), simpleVariables({ variables: breakpoints })] } },
    build: {
      target: browserTarget,
      minify: true,
      license: { fileName: LICENCE_LIST },
      // Fonts of formulas stay files: the content security policy allows none inside a style sheet.
      assetsInlineLimit: (file) => (/\.(?:woff2?|ttf)$/.test(file) ? false : undefined),
      rolldownOptions: { input: { index: source('renderer/index.html') } },
    },
  },
});
