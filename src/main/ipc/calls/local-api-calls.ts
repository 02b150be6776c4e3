import { success } from '../../../protocol/result';
import type { LocalApiService } from '../../services/local-api-service';
import type { CallRegistry } from '../call-registry';

export function registerLocalApiCalls(calls: CallRegistry, localApi: LocalApiService): void {
  calls.registerCall('local-api:get', () => success(localApi.view()));
  calls.registerCall('local-api:configure', (settings) => localApi.configure(settings));
  calls.registerCall('local-api:create-key', ({ name }) => localApi.createKey(name));
  calls.registerCall('local-api:remove-key', ({ keyId }) => localApi.removeKey(keyId));
}
