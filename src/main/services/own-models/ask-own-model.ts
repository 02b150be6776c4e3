import type { Result } from '../../../protocol/result';
import type { OwnModel, OwnModelsService } from './own-models-service';
import type { OwnModelListeners, OwnModelRequest, ProviderAnswer } from './provider-answers';

/**
 * Asks a model of one's own with its key, which is read here and goes nowhere else. The providers' libraries are large, so
 * they load when such a model is asked and not when the app starts.
 */
export async function askOwnModel(
  models: Pick<OwnModelsService, 'key'>,
  model: OwnModel,
  request: OwnModelRequest,
  listeners: OwnModelListeners,
  fetchFunction: typeof fetch = fetch,
): Promise<Result<ProviderAnswer>> {
  const key = models.key(model.id);
  if (!key.ok) return key;
  const { askProvider } = await import('./provider-answers');
  return askProvider(model, key.value, request, listeners, fetchFunction);
}
