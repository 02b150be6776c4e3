import { Value } from 'typebox/value';
import { NOTICE_LIMITS, NoticeBody, type OperatorNotice } from '../../protocol/compute/http/notices';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { systemClock, systemRandom } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import { NoticeBoard, type ConnectedNodes } from '../notices/notice-board';
import { withDatabase } from './ledger-commands';

/** A line per registered node. */
export function listNodes(location: string, print: (line: string) => void): Promise<CoordinatorResult<number>> {
  return withDatabase(location, async (database) => {
    const rows = await database
      .selectFrom('nodes')
      .leftJoin('balances', 'balances.node_id', 'nodes.id')
      .select(['id', 'status', 'suspension', 'hardware_class', 'reliability', 'last_seen', 'balance_micro_gft'])
      .orderBy('last_seen', 'desc')
      .execute();
    for (const row of rows) {
      const status = row.suspension === null ? row.status : `${row.status} (${row.suspension})`;
      const balance = `${toWireGft(row.balance_micro_gft ?? 0)} GFT`;
      print([row.id, status, row.hardware_class, row.reliability.toFixed(2), balance, row.last_seen].join('  '));
    }
    return rows.length;
  });
}

/** This process has no connections; the coordinator that runs over the same database tells the nodes. */
const NOBODY_HERE: ConnectedNodes = { connectedNodes: () => [], notice: () => undefined };

/** Puts a notice up. Fails with `config-invalid` for a text or a time out of bounds, and as `NoticeBoard.post`. */
export async function postNotice(
  location: string,
  text: string,
  days: number,
): Promise<CoordinatorResult<OperatorNotice>> {
  if (!Value.Check(NoticeBody, { text, days })) {
    const { maxText, maxDays } = NOTICE_LIMITS;
    return refuse('config-invalid', `A notice has 1 to ${maxText} characters and is up for 1 to ${maxDays} days.`);
  }
  const posted = await withDatabase(location, (database) =>
    new NoticeBoard(database, NOBODY_HERE, systemClock, systemRandom).post(text, days),
  );
  return posted.ok ? posted.value : posted;
}
