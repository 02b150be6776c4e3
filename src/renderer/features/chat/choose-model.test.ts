import { describe, expect, it } from 'vitest';
import type { ModelSummary } from '../../../contract';
import { chooseModel, isDemonstrationModel } from './choose-model';

function model(modelId: string, pipelineAvailable = false): ModelSummary {
  return { modelId, friendlyName: modelId, totalLayers: 8, pipelineAvailable, onlineShards: 0 };
}

describe('chooseModel', () => {
  const models = [model('a'), model('b', true), model('c')];

  it('prefers what was picked, then what is served, then what can answer', () => {
    expect(chooseModel(models, 'c', 'a')?.modelId).toBe('c');
    expect(chooseModel(models, 'gone', 'a')?.modelId).toBe('a');
    expect(chooseModel(models, null, null)?.modelId).toBe('b');
    expect(chooseModel([model('a')], null, null)?.modelId).toBe('a');
    expect(chooseModel([], 'c', 'a')).toBeNull();
    const own = [model('own:openai/x', true)];
    expect(chooseModel(models, 'own:openai/x', 'a', own)?.modelId).toBe('own:openai/x');
    expect(chooseModel([], null, null, own)).toBeNull();
  });
});

describe('isDemonstrationModel', () => {
  it('knows the shipped model by its name', () => {
    expect(isDemonstrationModel(model('tore-tiny'))).toBe(true);
    expect(isDemonstrationModel(model('tore/tore-tiny'))).toBe(true);
    expect(isDemonstrationModel(model('not-tore-tiny'))).toBe(false);
    expect(isDemonstrationModel(null)).toBe(false);
  });
});
