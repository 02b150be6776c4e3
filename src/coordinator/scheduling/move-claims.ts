import { timestampOf, type Clock } from '../clock';
import type { Database } from '../storage/database-schema';

export interface SchedulingTables {
  /** The one move of a model that is proposed or under way, at whichever replica. */
  model_moves: ModelMoveTable;
}

export interface ModelMoveTable {
  model_id: string;
  proposal_id: string;
  until_at: string;
}

/**
 * Lets one node of a model move at a time, whatever replica asked it. A claim ends by itself, so a replica that dies holds
 * nobody up for longer than its proposal would have stood.
 */
export class MoveClaims {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @returns false while another proposal for this model stands */
  async take(modelId: string, proposalId: string, untilMs: number): Promise<boolean> {
    const claim = { model_id: modelId, proposal_id: proposalId, until_at: timestampOf(untilMs) };
    await this.database
      .insertInto('model_moves')
      .values(claim)
      .onConflict((conflict) =>
        conflict
          .column('model_id')
          .doUpdateSet({ proposal_id: claim.proposal_id, until_at: claim.until_at })
          .where('model_moves.until_at', '<=', timestampOf(this.clock.nowMs())),
      )
      .execute();
    const held = await this.database
      .selectFrom('model_moves')
      .select('proposal_id')
      .where('model_id', '=', modelId)
      .executeTakeFirst();
    return held?.proposal_id === proposalId;
  }

  /** Keeps a claim for the time the move takes. */
  async extend(proposalId: string, untilMs: number): Promise<void> {
    await this.database
      .updateTable('model_moves')
      .set({ until_at: timestampOf(untilMs) })
      .where('proposal_id', '=', proposalId)
      .execute();
  }

  async release(proposalId: string): Promise<void> {
    await this.database.deleteFrom('model_moves').where('proposal_id', '=', proposalId).execute();
  }
}
