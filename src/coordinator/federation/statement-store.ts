import type { FederationStatement } from '../../protocol/federation/statement';
import { timestampOf, type Clock } from '../clock';
import type { Database } from '../storage/database-schema';

/** What was kept of a time. */
export interface KeptStatement {
  readonly fromMs: number;
  readonly toMs: number;
  readonly state: 'signed' | 'differs';
  /** Signed by both, or the own one. */
  readonly statement: FederationStatement;
  /** What the peer has, where it differs. */
  readonly theirs: FederationStatement | null;
}

/** Statements that were compared with peers. */
export class StatementStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Of all agreements with a peer, newest first. */
  async kept(
    peerKey: string,
    query: { readonly limit: number; readonly fromMs?: number; readonly toMs?: number },
  ): Promise<KeptStatement[]> {
    const { fromMs, toMs } = query;
    const rows = await this.database
      .selectFrom('federation_statements')
      .selectAll()
      .where('peer_key', '=', peerKey)
      .$if(fromMs !== undefined, (select) => select.where('from_ms', '>=', fromMs ?? 0))
      .$if(toMs !== undefined, (select) => select.where('from_ms', '<', toMs ?? 0))
      .orderBy('from_ms', 'desc')
      .limit(query.limit)
      .execute();
    return rows.map((row) => ({
      fromMs: row.from_ms,
      toMs: row.to_ms,
      state: row.state,
      statement: JSON.parse(row.statement_json) as FederationStatement,
      theirs: row.theirs_json === null ? null : (JSON.parse(row.theirs_json) as FederationStatement),
    }));
  }

  /** What both have signed stays; what differed is replaced. */
  async keep(
    peerKey: string,
    agreementId: string,
    { fromMs, toMs, statement, theirs }: Omit<KeptStatement, 'state'>,
  ): Promise<void> {
    const values = {
      state: theirs === null ? ('signed' as const) : ('differs' as const),
      statement_json: JSON.stringify(statement),
      theirs_json: theirs === null ? null : JSON.stringify(theirs),
      made_at: timestampOf(this.clock.nowMs()),
    };
    await this.database
      .insertInto('federation_statements')
      .values({ peer_key: peerKey, agreement_id: agreementId, from_ms: fromMs, to_ms: toMs, ...values })
      .onConflict((conflict) =>
        conflict
          .columns(['peer_key', 'agreement_id', 'from_ms', 'to_ms'])
          .doUpdateSet(values)
          .where('federation_statements.state', '=', 'differs'),
      )
      .execute();
  }

  /** The end of the longest signed statement that has a time in it; null without one. */
  async signedTo(peerKey: string, agreementId: string, atMs: number): Promise<number | null> {
    const row = await this.database
      .selectFrom('federation_statements')
      .select((build) => build.fn.max('to_ms').as('to_ms'))
      .where('peer_key', '=', peerKey)
      .where('agreement_id', '=', agreementId)
      .where('state', '=', 'signed')
      .where('from_ms', '<=', atMs)
      .where('to_ms', '>', atMs)
      .executeTakeFirst();
    return row === undefined || row.to_ms === null ? null : Number(row.to_ms);
  }
}
