import { success } from '../../../protocol/result';
import type { RecordsService } from '../../services/records/records-service';
import type { CallRegistry } from '../call-registry';

/** @param onRead - notices were marked as read */
export function registerRecordCalls(calls: CallRegistry, records: RecordsService, onRead: () => void): void {
  calls.registerCall('statistics:get', ({ range }) => records.statistics(range));
  calls.registerCall('statistics:export', ({ range }) => records.exportStatistics(range));
  calls.registerCall('log:get-page', ({ filter, offset }) => records.logPage(filter, offset));
  calls.registerCall('log:export', ({ filter, format }) => records.exportLog(filter, format));
  calls.registerCall('notices:get', () => records.notices());
  calls.registerCall('notices:mark-read', async ({ id }) => {
    const marked = await records.markNoticeRead(id);
    if (!marked.ok) return marked;
    onRead();
    return success(null);
  });
}
