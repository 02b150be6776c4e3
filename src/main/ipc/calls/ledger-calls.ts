import type { LedgerService } from '../../services/ledger-service';
import type { CallRegistry } from '../call-registry';

export function registerLedgerCalls(calls: CallRegistry, ledger: LedgerService): void {
  calls.registerCall('ledger:get-page', ({ limit }) => ledger.getPage(limit));
  calls.registerCall('ledger:verify', () => ledger.verify());
  calls.registerCall('ledger:export', ({ format }) => ledger.export(format));
}
