import type { ModelSummary, OwnModelView } from '../../../contract';

/**
 * The model a question goes to: the picked one while it is listed, else the one this computer serves, else the first
 * with a pipeline, else the first. A model of the person's own is asked only when it was picked: somebody may pay for it.
 */
export function chooseModel(
  models: readonly ModelSummary[],
  picked: string | null,
  served: string | null,
  own: readonly ModelSummary[] = [],
): ModelSummary | null {
  const find = (modelId: string | null): ModelSummary | undefined => models.find((model) => model.modelId === modelId);
  const pickedOwn = own.find(({ modelId }) => modelId === picked);
  return (
    pickedOwn ??
    find(picked) ??
    find(served) ??
    models.find(({ pipelineAvailable }) => pipelineAvailable) ??
    models[0] ??
    null
  );
}

/** An own model as one to choose. It has no layers that somebody would have to serve. */
export function summaryOfOwn({ chatId, name }: OwnModelView): ModelSummary {
  return { modelId: chatId, friendlyName: name, totalLayers: 0, pipelineAvailable: true, onlineShards: 0 };
}

/** Whether the model is the demonstration model shipped with the app, whose first questions are known. */
export function isDemonstrationModel(model: ModelSummary | null): boolean {
  return model !== null && /(^|\/)tore-tiny$/.test(model.modelId);
}
