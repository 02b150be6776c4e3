import { join } from 'node:path';
import { expect, it } from 'vitest';
import { headlessNodeCommand } from './headless-node-command';

const shippedModel = join('/opt', 'Tore', 'resources', 'models', 'tore-tiny');

it('names the program beside the archive of a packed app, and the model', () => {
  const entryFolder = join('/opt', 'Tore', 'resources', 'app.asar', 'out', 'main');
  const program = join('/opt', 'Tore', 'resources', 'app.asar.unpacked', 'out', 'main', 'tore-node.js');
  expect(headlessNodeCommand({ entryFolder, shippedModel, contribution: { modelFolder: null, modelId: null } })).toBe(
    `node ${program} --model-folder ${shippedModel}`,
  );
});

it('names the built program of a clone, with what a shell would take apart in quotes', () => {
  const entryFolder = join('/home', 'a b', 'out', 'main');
  const contribution = { modelFolder: null, modelId: 'org/model' };
  expect(headlessNodeCommand({ entryFolder, shippedModel, contribution })).toBe(
    `node "${join(entryFolder, 'tore-node.js')}" --model org/model`,
  );
});
