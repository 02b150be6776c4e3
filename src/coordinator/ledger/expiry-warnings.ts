import { sql } from 'kysely';
import { TOKEN_LIFETIME } from '../../protocol/compute/formulas';
import { formatGft, toWireGft, type MicroGft } from '../../protocol/compute/micro-gft';
import { timestampOf, type Clock } from '../clock';
import type { NodeNotifications } from '../notifications';
import type { Database } from '../storage/database-schema';

const DAY_MS = 86_400_000;
/** How often warnings nobody has taken yet are tried again: within a minute of a node's return it knows. */
const RETRY_EVERY_MS = 60_000;
/** Until the end of which day nodes were warned; kept, so that a restart begins where the last process ended. */
const WARNED_UNTIL = 'expiry_warned_until';

/** GFT that expires on one day (UTC) unless it is spent before. */
export interface ExpiringBatch {
  readonly expiresOn: string;
  readonly amountMicroGft: MicroGft;
}

/** The end of the last day of which a warning is due: whole days, so that what expires on one day is one batch. */
function warnedUntil(nowMs: number): string {
  const day = Math.floor(nowMs / DAY_MS) + TOKEN_LIFETIME.warnDaysBefore + 1;
  return timestampOf(day * DAY_MS);
}

/**
 * What a node has that expires within the time of the warning, by day, soonest first. The oldest GFT is spent first, so
 * whatever left the balance is taken from the first batches.
 */
export async function expiringOf(database: Database, nodeId: string, nowMs: number): Promise<ExpiringBatch[]> {
  const day = sql<string>`substr(expires_at, 1, 10)`;
  const rows = await database
    .selectFrom('ledger_entries')
    .select([day.as('day'), (build) => build.fn.sum<number | string>('amount_micro_gft').as('amount')])
    .where('node_id', '=', nodeId)
    .where('amount_micro_gft', '>', 0)
    .where('expires_at', '<', warnedUntil(nowMs))
    .groupBy(day)
    .orderBy(day)
    .execute();
  const balance = await database
    .selectFrom('balances')
    .select('spent_micro_gft')
    .where('node_id', '=', nodeId)
    .executeTakeFirst();
  const today = timestampOf(nowMs).slice(0, 10);
  let spent = balance?.spent_micro_gft ?? 0;
  const batches: ExpiringBatch[] = [];
  for (const { day: expiresOn, amount } of rows) {
    const left = Math.max(0, Number(amount) - spent);
    spent = Math.max(0, spent - Number(amount));
    if (left > 0 && expiresOn >= today) batches.push({ expiresOn, amountMicroGft: left });
  }
  return batches;
}

/** The same for the wire. */
export async function expiringOnWire(
  database: Database,
  nodeId: string,
  nowMs: number,
): Promise<{ amount: number; expires_on: string }[]> {
  const batches = await expiringOf(database, nodeId, nowMs);
  return batches.map(({ expiresOn, amountMicroGft }) => ({ amount: toWireGft(amountMicroGft), expires_on: expiresOn }));
}

/**
 * Warns every node 90 days before GFT of it expires, once for what expires on one day. A node that is away is told when it
 * is back; whoever asks over HTTP finds the same beside the balance.
 */
export class ExpiryWarnings {
  private triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly reach: Pick<NodeNotifications, 'notice'> & { isConnected(nodeId: string): boolean },
    private readonly clock: Clock,
  ) {}

  /** Looks for days that came within the time of the warning since the last look, and notes whom to warn. */
  async look(nowMs: number): Promise<void> {
    const until = warnedUntil(nowMs);
    const known = await this.database
      .selectFrom('meta')
      .select('value')
      .where('key', '=', WARNED_UNTIL)
      .executeTakeFirst();
    const from = known?.value ?? timestampOf(nowMs);
    if (from >= until) return;
    const holders = await this.database
      .selectFrom('ledger_entries')
      .select('node_id')
      .distinct()
      .where('expires_at', '>=', from)
      .where('expires_at', '<', until)
      .execute();
    for (const { node_id: nodeId } of holders) {
      for (const batch of await expiringOf(this.database, nodeId, nowMs)) await this.note(nodeId, batch);
    }
    await this.database
      .insertInto('meta')
      .values({ key: WARNED_UNTIL, value: until })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: until }))
      .execute();
  }

  /** Tells connected nodes what they were not told yet. */
  async tell(nowMs: number): Promise<void> {
    if (nowMs - this.triedAtMs < RETRY_EVERY_MS) return;
    this.triedAtMs = nowMs;
    const untold = await this.database
      .selectFrom('expiry_warnings')
      .selectAll()
      .where('told_at', 'is', null)
      .orderBy('expires_on')
      .execute();
    for (const warning of untold) {
      if (!this.reach.isConnected(warning.node_id)) continue;
      const taken = await this.database
        .updateTable('expiry_warnings')
        .set({ told_at: timestampOf(this.clock.nowMs()) })
        .where('node_id', '=', warning.node_id)
        .where('expires_on', '=', warning.expires_on)
        .where('told_at', 'is', null)
        .executeTakeFirst();
      // Another replica may have been faster.
      if (taken.numUpdatedRows === 0n) continue;
      const amount = formatGft(warning.amount_micro_gft);
      this.reach.notice(
        warning.node_id,
        `${amount} GFT expire on ${warning.expires_on}, a year after they were earned, unless they are spent before.`,
      );
    }
  }

  private async note(nodeId: string, { expiresOn, amountMicroGft }: ExpiringBatch): Promise<void> {
    await this.database
      .insertInto('expiry_warnings')
      .values({
        node_id: nodeId,
        expires_on: expiresOn,
        amount_micro_gft: amountMicroGft,
        noticed_at: timestampOf(this.clock.nowMs()),
        told_at: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}
