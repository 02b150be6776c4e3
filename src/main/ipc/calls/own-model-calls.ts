import { success } from '../../../protocol/result';
import type { OwnModelsService } from '../../services/own-models/own-models-service';
import type { CallRegistry } from '../call-registry';

export function registerOwnModelCalls(calls: CallRegistry, models: OwnModelsService): void {
  calls.registerCall('own-models:list', () => success(models.list()));
  calls.registerCall('own-models:save', ({ id, fields, key }) => models.save(id, fields, key));
  calls.registerCall('own-models:remove', ({ id }) => models.remove(id));
}
