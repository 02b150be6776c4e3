import { toWireGft } from '../../../protocol/compute/micro-gft';
import type { ServiceHealth, ServiceInformation } from '../../../protocol/compute/http/service';
import type { CoordinatorServices } from '../../services';
import { StorageError } from '../../storage/storage-error';
import { COORDINATOR_VERSION } from '../../version';
import type { ApiServer } from '../server-types';

/** `GET /` and `GET /health`. */
export function serviceRoutes(app: ApiServer, services: CoordinatorServices): void {
  app.get('/', (): ServiceInformation => ({
    name: services.config.name,
    version: COORDINATOR_VERSION,
    status: 'running',
    token_mode: services.config.tokenEconomy ? 'enabled' : 'disabled',
  }));

  app.get('/health', async (): Promise<ServiceHealth> => {
    try {
      const checked = await services.verifier.advance();
      const head = await services.ledger.head();
      return {
        status: checked.valid ? 'healthy' : 'degraded',
        database: 'connected',
        ledger_entries: head.entries,
        ledger_valid: checked.valid,
        total_supply: toWireGft(head.supplyMicroGft),
      };
    } catch (thrown) {
      if (!(thrown instanceof StorageError)) throw thrown;
      return { status: 'degraded', database: 'unavailable', ledger_entries: 0, ledger_valid: false, total_supply: 0 };
    }
  });
}
