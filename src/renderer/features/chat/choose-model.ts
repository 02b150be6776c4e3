import type { ModelSummary } from '../../../contract';

/**
 * The model a question goes to: the picked one while it is listed, else the one this computer serves, else the first
 * with a pipeline, else the first.
 */
export function chooseModel(
  models: readonly ModelSummary[],
  picked: string | null,
  served: string | null,
): ModelSummary | null {
  const find = (modelId: string | null): ModelSummary | undefined => models.find((model) => model.modelId === modelId);
  return find(picked) ?? find(served) ?? models.find(({ pipelineAvailable }) => pipelineAvailable) ?? models[0] ?? null;
}

/** Whether the model is the demonstration model shipped with the app, whose first questions are known. */
export function isDemonstrationModel(model: ModelSummary | null): boolean {
  return model !== null && /(^|\/)tore-tiny$/.test(model.modelId);
}
