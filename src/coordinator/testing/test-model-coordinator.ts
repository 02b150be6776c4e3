import { success } from '../../protocol/result';
import { hashManifest } from '../../inference/models/model-folder';
import { createCoordinator } from '../coordinator';
import type { CoordinatorOptions } from '../config';
import { testManifest } from './test-model';

/* A coordinator with the test model in a process of its own, for tests that end it the hard way. Options as JSON. */

const options = JSON.parse(process.argv[2] ?? '{}') as CoordinatorOptions;
const manifest = testManifest();
const coordinator = createCoordinator(options, {
  loadManifest: () => Promise.resolve(success({ manifest, manifestHash: hashManifest(manifest) })),
});
const started = await coordinator.start();
if (!started.ok) throw new Error(started.error.message);
process.stdout.write(`${started.value.url}\n`);
